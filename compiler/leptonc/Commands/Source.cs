using System.CommandLine;
using System.CommandLine.Completions;
using System.Numerics;
using Lepton.Abi;
using Lepton.Codegen.Llvm;
using Lepton.Compiler;
using Lepton.Embedding;
using Lepton.Language.Text;

namespace Lepton.CommandLine.Commands;

/// <summary>What all commands that compile have in common: the file, its messages, the options of compilation.</summary>
internal static class Source
{
    public static Argument<string> File() => new("FILE") { Description = "A .lep file; - reads from standard input." };

    public static Option<string?> Entry() => new("--entry", "-e") { HelpName = "NAME", Description = "The entry; may be left out when there is one only." };

    public static Option<string[]> Dims() => new("--dim", "-d")
    {
        HelpName = "NAME=SIZE",
        Description = "A size, as in --dim B=32. May be given several times.",
        AllowMultipleArgumentsPerToken = true,
        DefaultValueFactory = _ => [],
    };

    public static Option<string?> TargetCpu() => new("--target-cpu") { HelpName = "CPU", Description = "native (default), avx512, avx2, sse2, or a CPU as LLVM names it." };

    public static Option<bool> FastMath() => new("--fast-math") { Description = "Allow results to differ in the last bits, and for inf, nan and -0.0." };

    public static Option<bool> Exact() => new("--exact") { Description = "Every sum is rounded as it is written: no algorithm that multiplies less (Winograd)." };

    public static Option<string[]> Skip() => new("--skip") { HelpName = "PASS", Description = "Leave out a pass, by name.", DefaultValueFactory = _ => [] };

    public static SourceText Read(string path)
    {
        if (path == "-")
        {
            return new SourceText("standard input", Console.In.ReadToEnd());
        }

        return System.IO.File.Exists(path)
            ? new SourceText(path, System.IO.File.ReadAllText(path))
            : throw new UserException(Directory.Exists(path) ? $"{path} is a folder, not a .lep file" : $"there is no file {path}");
    }

    /// <summary>Parses and binds; prints the messages; stops when there are errors.</summary>
    public static Compilation Compile(string path, CompileOptions options)
    {
        var compilation = Compilation.Of(Read(path), options);
        Stop(compilation);
        return compilation;
    }

    /// <summary>An engine for the program, from the cache where it has been compiled before; messages and errors as in <see cref="Compile"/>.</summary>
    public static LeptonEngine Open(string path, CompileOptions options) => LeptonEngine.Open(Read(path), options, compiled: Stop);

    private static void Stop(Compilation compilation)
    {
        Print(compilation.Report);
        if (compilation.Report.HasErrors)
        {
            throw new UserException("");
        }
    }

    public static void Print(DiagnosticReport report) => Print(report.Diagnostics);

    public static void Print(IReadOnlyCollection<Diagnostic> diagnostics)
    {
        if (diagnostics.Count > 0)
        {
            var color = !Console.IsErrorRedirected && Environment.GetEnvironmentVariable("NO_COLOR") is null or "";
            Console.Error.WriteLine(new DiagnosticPrinter(color).PrintAll(diagnostics));
        }
    }

    /// <summary>An option that says what runs the entry. Left out: cpu, or clr where LLVM is missing.</summary>
    public static Option<string?> Device(bool interpreter = false)
    {
        var words = (string[])[.. DeviceChoice.Names, .. interpreter ? ["interpreter"] : Array.Empty<string>()];
        var what = "cpu (machine code, by LLVM), clr (by .NET's own compiler: slower, needs no LLVM), opencl[:N] (a device with an OpenCL driver)";
        var option = new Option<string?>("--device")
        {
            HelpName = "DEVICE",
            Description = $"{what}{(interpreter ? ", interpreter (slow and plain)" : "")}. Default: cpu, or clr where LLVM is missing.",
        };
        return OneOf("a device, one of", words, option, DeviceChoice.IsName);
    }

    /// <summary>How to compile what is run here, on a device; says so when it is not the one that was to be expected.</summary>
    public static CompileOptions OptionsHere(string? device, string? target, bool exact, bool fastMath, IReadOnlyList<string>? skip = null)
    {
        var choice = DeviceChoice.Choose(device, target, out var error) ?? throw new UsageException(error!);
        if (choice.Note is { } note)
        {
            Console.Error.WriteLine(note);
        }

        if (choice.Device == CodeDevice.OpenCl)
        {
            return OpenClCode.For(Options(choice.Target, exact, fastMath, skip), choice.Number);
        }

        return Options(choice.Target, exact, fastMath, skip) with { Device = choice.Device, DeviceName = choice.Name, Cache = choice.Device == CodeDevice.Cpu ? ObjectCache.OfUser() : null };
    }

    /// <summary>How to compile for a target that may be another machine's.</summary>
    public static CompileOptions Options(string? target, bool exact, bool fastMath, IReadOnlyList<string>? skip = null) =>
        Options(CpuTarget.Parse(target, out var error) ?? throw new UsageException(error!), exact, fastMath, skip);

    private static CompileOptions Options(CpuTarget? target, bool exact, bool fastMath, IReadOnlyList<string>? skip)
    {
        var unknown = skip?.FirstOrDefault(s => !Optimizer.GraphPasses.Names.Contains(s));
        if (exact && fastMath)
        {
            throw new UsageException("--exact and --fast-math ask for opposite things: leave one out");
        }

        return new CompileOptions
        {
            Exact = exact,
            Target = target,
            FastMath = fastMath,
            Skip = unknown is null ? (skip ?? []).ToHashSet() : throw new UsageException($"there is no pass '{unknown}'; there are {string.Join(", ", Optimizer.GraphPasses.Names)}"),
            Passes = (_, before, _) => LastGraph.Set(before),
        };
    }

    /// <summary>The entry asked for, or the only one.</summary>
    public static string ChooseEntry(Compilation compilation, string? wanted) => ChooseEntry(compilation.Source.Path, compilation.Entries, wanted);

    /// <inheritdoc cref="ChooseEntry(Compilation, string?)"/>
    public static string ChooseEntry(string path, IReadOnlyList<string> entries, string? wanted)
    {
        if (entries.Count == 0)
        {
            throw new UserException($"{path} has no entry: a function whose parameters all have types, as in fn f(x: f32[N]) = x + 1");
        }

        if (wanted is null)
        {
            return entries.Count == 1 ? entries[0] : throw new UsageException($"which entry? say --entry with one of {string.Join(", ", entries)}");
        }

        if (!entries.Contains(wanted))
        {
            var near = NameSuggestion.Find(wanted, entries);
            throw new UsageException($"there is no entry {wanted}{(near is null ? $"; there are {string.Join(", ", entries)}" : $"; did you mean {near}?")}");
        }

        return wanted;
    }

    /// <summary>Says which parameters are rounded: the one thing in a plan that changes numbers. Null: none.</summary>
    public static string? Rounded(EntryManifest entry) => entry.Parameters.Where(p => p.Given is not null).ToList() is [_, ..] rounded
        ? $"{string.Join(", ", rounded.Select(p => p.Name))}: rounded to {rounded[0].Element.Name()}, as a plan of the program says"
        : null;

    /// <summary>An option that takes one of some words.</summary>
    /// <param name="what">What they are, for the message.</param>
    /// <param name="words">The words.</param>
    /// <param name="option">Gets them.</param>
    /// <param name="isAlso">Other words that it takes.</param>
    public static Option<T> OneOf<T>(string what, IReadOnlyList<string> words, Option<T> option, Func<string, bool>? isAlso = null)
        where T : class?
    {
        option.CompletionSources.Add(_ => words.Select(w => new CompletionItem(w)));
        option.Validators.Add(result =>
        {
            if (result.Tokens is [{ Value: var word }] && !words.Contains(word) && isAlso?.Invoke(word) != true)
            {
                result.AddError($"{option.Name} {word}: {(words.Count > 4 ? NameSuggestion.Help(word, words) : null) ?? $"expected {what} {string.Join(", ", words)}"}");
            }
        });
        return option;
    }

    /// <summary>At least 0, or a mistake of the command line.</summary>
    public static T AtLeastZero<T>(string option, T value)
        where T : INumber<T> => value >= T.Zero ? value : throw new UsageException($"{option} {value}: expected a number of at least 0");

    /// <summary>Sizes that the entries have.</summary>
    public static Dictionary<string, long> ParseDims(IEnumerable<string> dims, Compilation compilation, IEnumerable<string> entries)
    {
        var sizes = ParseDims(dims);
        var known = entries.SelectMany(e => compilation.Graph(e).Dims).Distinct().ToList();
        foreach (var dim in sizes.Keys)
        {
            CheckName("--dim", dim, "size", known, "all sizes are fixed");
        }

        return sizes;
    }

    /// <summary>Refuses a name that is not there, with the one that may be meant.</summary>
    public static void CheckName(string option, string name, string noun, IReadOnlyList<string> known, string none)
    {
        if (!known.Contains(name))
        {
            var help = known.Count == 0 ? none : NameSuggestion.Help(name, known) ?? $"there {(known.Count == 1 ? "is" : "are")} {string.Join(", ", known)}";
            throw new UsageException($"{option} {name}=…: there is no such {noun}; {help}");
        }
    }

    /// <summary><c>B=32</c> and so on.</summary>
    public static Dictionary<string, long> ParseDims(IEnumerable<string> dims)
    {
        var sizes = new Dictionary<string, long>();
        foreach (var dim in dims.SelectMany(d => d.Split(',')))
        {
            var parts = dim.Split('=', 2);
            if (parts.Length != 2 || !long.TryParse(parts[1].Replace("_", "", StringComparison.Ordinal), out var size) || size < 0)
            {
                throw new UsageException($"--dim {dim}: expected NAME=SIZE with a size of at least 0, as in --dim B=32");
            }

            sizes[parts[0].Trim()] = size;
        }

        return sizes;
    }
}
