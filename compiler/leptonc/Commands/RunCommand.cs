using System.CommandLine;
using System.Globalization;
using Lepton.CommandLine.Placing;
using Lepton.Compiler;
using Lepton.Embedding;
using Lepton.Graphs;
using Lepton.Runtime;
using Lepton.Runtime.Files;
using Lepton.Runtime.Tensors;
using Lepton.Runtime.Text;

namespace Lepton.CommandLine.Commands;

/// <summary>Compiles and runs an entry.</summary>
internal static class RunCommand
{
    public static Command Make()
    {
        var file = Source.File();
        var (entry, dims, target, exact, fast, skip) = (Source.Entry(), Source.Dims(), Source.TargetCpu(), Source.Exact(), Source.FastMath(), Source.Skip());
        var inputs = new Option<string[]>("--in", "-i")
        {
            HelpName = "NAME=VALUE",
            Description = "An argument: x=FILE, or x= zeros, ones, iota, uniform(SEED), normal(SEED), sparse(DENSITY, SEED), or a number.",
            AllowMultipleArgumentsPerToken = true,
            DefaultValueFactory = _ => [],
        };
        var outputs = new Option<string[]>("--out", "-o") { HelpName = "NAME=FILE", Description = "Write a result: y=FILE. The ending chooses the format.", AllowMultipleArgumentsPerToken = true, DefaultValueFactory = _ => [] };
        var expect = new Option<string[]>("--expect") { HelpName = "NAME=FILE", Description = "Compare a result with a file: y=FILE. Exit with 1 when they differ.", AllowMultipleArgumentsPerToken = true, DefaultValueFactory = _ => [] };
        var tolerance = new Option<double>("--tolerance") { HelpName = "NUMBER", Description = "For --expect: |got - expected| ≤ tolerance · (1 + |expected|).", DefaultValueFactory = _ => 1e-5 };
        var outliers = new Option<double>("--outliers") { HelpName = "SHARE", Description = "For --expect: the share of elements that may be farther apart.", DefaultValueFactory = _ => 0 };
        var parameters = new Option<string?>("--params") { HelpName = "FILE", Description = "Parameters from a .safetensors or .npz file; what it lacks is initialised." };
        var seed = new Option<ulong>("--seed") { HelpName = "NUMBER", Description = "For parameters that no file gives.", DefaultValueFactory = _ => 0 };
        var threads = new Option<int>("--threads", "-t") { HelpName = "COUNT", Description = "How many threads; 0: one for each processor.", DefaultValueFactory = _ => 0 };
        var device = Source.Device(interpreter: true);
        var noCache = new Option<bool>("--no-cache") { Description = "Neither read nor write the cache of machine code." };
        var command = new Command("run", "Compile and run an entry. Results without --out are printed as NumPy prints them.\nExample: leptonc run wave.lep --in x=iota --dim N=5")
        {
            file, entry, inputs, dims, parameters, seed, outputs, expect, tolerance, outliers, threads, device, target, exact, fast, skip, noCache,
        };
        var schedules = new ScheduleOptions(command);
        var line = new PlacedLine(command);
        command.SetAction(parsed =>
        {
            var placed = line.Read(parsed);
            var specs = parsed.GetValue(inputs)!.Select(InputSpec.Parse).ToList();
            var outs = Pairs("--out", parsed.GetValue(outputs)!);
            var expected = Pairs("--expect", parsed.GetValue(expect)!);
            var sizes = Source.ParseDims(parsed.GetValue(dims)!);
            sizes = placed?.Dims(sizes) ?? sizes;
            using var cancel = new Cancellation();
            var path = parsed.GetValue(file)!;
            var interpret = parsed.GetValue(device) == "interpreter";
            var compile = Source.OptionsHere(interpret ? "clr" : parsed.GetValue(device), interpret ? null : parsed.GetValue(target), parsed.GetValue(exact), parsed.GetValue(fast), parsed.GetValue(skip));
            var options = schedules.Apply(parsed, path, compile with
            {
                Cache = parsed.GetValue(noCache) ? null : compile.Cache,
            });
            using var engine = Source.Open(path, options);
            var chosen = engine[Source.ChooseEntry(path == "-" ? "standard input" : path, [.. engine.Entries.Select(e => e.Name)], placed is null ? parsed.GetValue(entry) : placed.Entry(parsed.GetValue(entry)))];
            CheckNames("--out", chosen, outs.Keys);
            CheckNames("--expect", chosen, expected.Keys);
            using var made = Inputs.Make(chosen, specs, sizes, parsed.GetValue(parameters), parsed.GetValue(seed), generate: null);
            var count = Source.AtLeastZero("--threads", parsed.GetValue(threads));
            GivenTensor[] results;
            if (placed is not null)
            {
                CompileOptions On(string kind)
                {
                    var here = Source.OptionsHere(kind, parsed.GetValue(target), parsed.GetValue(exact), parsed.GetValue(fast), parsed.GetValue(skip));
                    return schedules.ApplyOn(kind, parsed, path, here with { Cache = parsed.GetValue(noCache) ? null : here.Cache });
                }

                using var session = placed.Open(path, chosen.Name, made.Sizes, On, count);
                results = Given(session.Evaluate(made.References, session.Options(made.Parameters), cancel.Token));
                Console.Error.WriteLine(session.Summary());
            }
            else
            {
                results = interpret
                    ? Interpret(engine.Compilation, chosen, made, cancel.Token)
                    : Given(chosen.Evaluate(made.References, new RunOptions { Threads = count, Parameters = made.Parameters, Sizes = made.Sizes }, cancel.Token));
            }

            return Report(chosen, results, outs, expected, (parsed.GetValue(tolerance), parsed.GetValue(outliers)));
        });
        return command;
    }

    private static GivenTensor[] Given(EntryResults results) =>
        [.. results.Select(r => r.IsSparse ? new GivenTensor(null, r.Sparse) : new GivenTensor(r.Dense, null))];

    private static int Report(Entry entry, GivenTensor[] results, Dictionary<string, string> outs, Dictionary<string, string> expected, (double Tolerance, double Outliers) allowed)
    {
        var differ = false;
        var printed = entry.Manifest.Results.Count(r => !outs.ContainsKey(r.Name) && !expected.ContainsKey(r.Name));
        for (var i = 0; i < results.Length; i++)
        {
            var name = entry.Manifest.Results[i].Name;
            if (outs.TryGetValue(name, out var path))
            {
                if (results[i].Sparse is { } stored)
                {
                    TensorFile.Write(path, stored);
                }
                else
                {
                    TensorFile.Write(path, results[i].Dense!);
                }
            }

            if (expected.TryGetValue(name, out var reference))
            {
                var difference = results[i].Sparse is { } sparse
                    ? SparseComparison.Difference(sparse, reference, allowed.Tolerance, allowed.Outliers)
                    : Comparison.Difference(results[i].Dense!, reference, allowed.Tolerance, allowed.Outliers);
                differ |= difference is not null;
                Console.WriteLine(difference is null ? $"{name}: as expected ({reference})" : $"{name}: {difference}");
            }
            else if (path is null)
            {
                Console.WriteLine((printed > 1 ? $"{name} =\n" : "") + (results[i].Sparse is { } shown ? SparseText.Format(shown) : NumPyText.Format(results[i].Dense!)));
            }

            results[i].Dispose();
        }

        return differ ? Program.Wrong : 0;
    }

    // The interpreter knows dense tensors alone: what they mean is the same.
    private static GivenTensor[] Interpret(Compilation compilation, Entry entry, Inputs made, CancellationToken cancel)
    {
        var values = made.Arguments.Select(a => Value(a.Dense, a.Sparse))
            .Concat(entry.Manifest.Parameters.Select(p => p.Format is null ? Value(made.Parameters[p.Name], null) : Value(null, made.Parameters.GetSparse(p.Name)))).ToList();
        var graph = compilation.Graph(entry.Name);
        var inferred = SizeBinding.Infer(graph, values);
        var results = Interpreter.Run(graph, values, n => made.Sizes.TryGetValue(n, out var size) ? size : inferred(n), new InterpreterOptions(Cancel: cancel));
        return [.. results.Zip(entry.Manifest.Results, (value, result) =>
        {
            var tensor = Tensor.Allocate(value.Element, [.. value.Dims]);
            value.ToBytes().CopyTo(tensor.AsBytes());
            if (result.Format is null)
            {
                return new GivenTensor(tensor, null);
            }

            using (tensor)
            {
                return new GivenTensor(null, SparseTensor.From(tensor, result.Format));
            }
        })];

        static TensorValue Value(Tensor? dense, SparseTensor? sparse)
        {
            using var made = sparse?.ToDense();
            var tensor = dense ?? made!;
            return TensorValue.FromBytes(tensor.Element, tensor.Shape, tensor.AsBytes());
        }
    }

    private static Dictionary<string, string> Pairs(string option, IEnumerable<string> texts)
    {
        var pairs = new Dictionary<string, string>();
        foreach (var text in texts)
        {
            var parts = text.Split('=', 2);
            if (parts.Length != 2 || parts[0].Length == 0 || parts[1].Length == 0)
            {
                throw new UsageException($"{option} {text}: expected NAME=FILE, as in {option} y=y.npy");
            }

            pairs[parts[0].Trim()] = parts[1].Trim();
        }

        return pairs;
    }

    private static void CheckNames(string option, Entry entry, IEnumerable<string> names)
    {
        var results = entry.Manifest.Results.Select(r => r.Name).ToList();
        foreach (var name in names)
        {
            Source.CheckName(option, name, "result", results, "there is none");
        }
    }
}
