using Lepton.Abi;
using Lepton.Language.Text;
using Lepton.Runtime;
using Lepton.Runtime.Tensors;

namespace Lepton.CommandLine.Commands;

/// <summary>The arguments and parameters of a run, made from the command line: files first, because they fix sizes; then what is generated.</summary>
internal sealed class Inputs : IDisposable
{
    // Sparse ones are made by each run.
    private OwnedTensor?[]? _results;

    private Inputs(GivenTensor[] arguments, ParameterSet parameters, Dictionary<string, long> sizes) =>
        (Arguments, Parameters, Sizes) = (arguments, parameters, sizes);

    public GivenTensor[] Arguments { get; }

    public TensorRef[] References => [.. Arguments.Select(a => a.Ref)];

    public ParameterSet Parameters { get; }

    public Dictionary<string, long> Sizes { get; }

    /// <summary>The value of any size of the entry: what the arguments store is counted in them; 0: only a run knows it.</summary>
    public long SizeOf(string dim, EntryManifest entry)
    {
        if (Sizes.TryGetValue(dim, out var size))
        {
            return size;
        }

        var stored = Arguments.Zip(entry.Arguments).Where(a => a.First.Sparse is not null)
            .SelectMany(a => a.Second.StoredNames.Zip(a.First.Sparse!.Format.Levels.Index().Where(l => l.Item.Kind == LevelKind.Compressed), (name, l) => (Name: name, Count: a.First.Sparse!.Count(l.Index))));
        return stored.FirstOrDefault(s => s.Name == dim).Count;
    }

    /// <summary>
    /// An invocation over these arguments, and results that live as long as these inputs. Several of one entry share them, so that its forms are
    /// compared on the same memory.
    /// </summary>
    public Invocation Bind(Entry entry, RunOptions options)
    {
        var invocation = entry.Bind(options);
        for (var i = 0; i < Arguments.Length; i++)
        {
            invocation.SetInput(i, Arguments[i].Ref);
        }

        _results ??= [.. invocation.ResultShapes().Zip(entry.Manifest.Results, (shape, result) => result.Format is null ? Tensor.Allocate(result.Element, shape) : null)];
        for (var i = 0; i < _results.Length; i++)
        {
            if (_results[i] is { } result)
            {
                invocation.SetOutput(i, result);
            }
        }

        return invocation;
    }

    /// <param name="entry">The entry.</param>
    /// <param name="specs">What <c>--in</c> said.</param>
    /// <param name="dims">What <c>--dim</c> said.</param>
    /// <param name="parameterFile">What <c>--params</c> said, or null.</param>
    /// <param name="seed">For parameters that no file gives.</param>
    /// <param name="generate">What stands for an argument without <c>--in</c>; null: that is a mistake.</param>
    public static Inputs Make(Entry entry, IReadOnlyList<InputSpec> specs, Dictionary<string, long> dims, string? parameterFile, ulong seed, Func<int, InputSpec>? generate)
    {
        var manifest = entry.Manifest;
        var names = manifest.Arguments.Select(a => a.Name).ToList();
        foreach (var spec in specs)
        {
            Source.CheckName("--in", spec.Name, "argument", names, "there is none");
        }

        foreach (var dim in dims.Keys)
        {
            Source.CheckName("--dim", dim, "size", [.. manifest.Dims.Where(d => !TensorFormat.IsStoredName(d))], "all sizes are fixed");
        }

        var sizes = new Dictionary<string, long>(dims);
        var arguments = new GivenTensor?[names.Count];
        var chosen = names.Select((n, i) => specs.LastOrDefault(s => s.Name == n) ?? generate?.Invoke(i)).ToArray();
        var parameters = new ParameterSet();
        try
        {
            for (var i = 0; i < chosen.Length; i++)
            {
                if (chosen[i] is null)
                {
                    throw new UsageException($"argument {names[i]} ({Text(manifest.Arguments[i])}) is not given: say --in {names[i]}=FILE, or {names[i]}={(manifest.Arguments[i].Format is null ? "uniform(1)" : "\"sparse(0.1, 1)\"")}");
                }

                if (chosen[i]!.Kind == "file")
                {
                    arguments[i] = chosen[i]!.Load(manifest.Arguments[i]);
                    LearnSizes(manifest.Arguments[i], arguments[i]!.Shape, sizes);
                }
            }

            if (parameterFile is not null)
            {
                parameters.Dispose();
                parameters = ParameterSet.Load(parameterFile);
                foreach (var parameter in manifest.Parameters.Where(p => parameters.Contains(p.Name)))
                {
                    LearnSizes(parameter, parameters[parameter.Name].Shape, sizes);
                }
            }

            for (var i = 0; i < chosen.Length; i++)
            {
                arguments[i] ??= chosen[i]!.Generate(manifest.Arguments[i], Shape(manifest.Arguments[i], sizes));
            }

            if (Source.Rounded(manifest) is { } rounded)
            {
                Console.Error.WriteLine(rounded);
            }

            parameters.StoreFor(entry);
            parameters.Initialize(entry, seed, sizes);
            return new Inputs(arguments!, parameters, sizes);
        }
        catch
        {
            Array.ForEach(arguments, a => a?.Dispose());
            parameters.Dispose();
            throw;
        }
    }

    public void Dispose()
    {
        Array.ForEach(Arguments, a => a.Dispose());
        Array.ForEach(_results ?? [], r => r?.Dispose());
        Parameters.Dispose();
    }

    // Plain axes only; the runtime solves and checks the rest.
    private static void LearnSizes(TensorManifest manifest, ReadOnlySpan<long> shape, Dictionary<string, long> sizes)
    {
        for (var axis = 0; axis < Math.Min(manifest.Shape.Count, shape.Length); axis++)
        {
            if (manifest.Shape[axis].AsVariable is { } name)
            {
                sizes.TryAdd(name, shape[axis]);
            }
        }
    }

    private static long[] Shape(TensorManifest manifest, Dictionary<string, long> sizes)
    {
        var shape = new long[manifest.Shape.Count];
        for (var axis = 0; axis < shape.Length; axis++)
        {
            shape[axis] = manifest.Shape[axis].Evaluate(name => sizes.TryGetValue(name, out var size)
                ? size
                : throw new UsageException($"size {name} of {manifest.Name} ({Text(manifest)}) is not known: say how large it is, as in --dim {name}=8"));
        }

        return shape;
    }

    private static string Text(TensorManifest manifest) =>
        manifest.Element.Name() + (manifest.Shape.Count == 0 ? "" : $"[{string.Join(", ", manifest.Shape)}]") + (manifest.Format is null ? "" : $" in {manifest.Format}");
}
