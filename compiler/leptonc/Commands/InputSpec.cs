using System.Globalization;
using System.Text.RegularExpressions;
using Lepton.Abi;
using Lepton.Runtime;
using Lepton.Runtime.Files;
using Lepton.Runtime.Tensors;

namespace Lepton.CommandLine.Commands;

/// <summary>Where an argument comes from: <c>x=FILE</c>, <c>x=zeros</c>, <c>x=iota</c>, <c>x=uniform(7)</c>, <c>x=normal(7)</c>, <c>x=sparse(0.01, 7)</c>, <c>x=1.5</c>.</summary>
internal sealed partial record InputSpec(string Name, string Kind, ulong Seed, double Value, string? Path)
{
    public static InputSpec Parse(string text)
    {
        var parts = text.Split('=', 2);
        if (parts.Length != 2 || parts[0].Length == 0 || parts[1].Length == 0)
        {
            throw new UsageException($"--in {text}: expected NAME=FILE, or NAME= zeros, ones, iota, uniform(SEED), normal(SEED), sparse(DENSITY, SEED) or a number");
        }

        var (name, value) = (parts[0].Trim(), parts[1].Trim());
        if (value is "zeros" or "ones" or "iota" or "uniform" or "normal")
        {
            return new InputSpec(name, value, 0, 0, null);
        }

        if (Generator().Match(value) is { Success: true } match && ulong.TryParse(match.Groups[2].Value, out var seed))
        {
            return new InputSpec(name, match.Groups[1].Value, seed, 0, null);
        }

        if (Sparse().Match(value) is { Success: true } sparse)
        {
            return double.TryParse(sparse.Groups[1].Value, NumberStyles.Float, CultureInfo.InvariantCulture, out var density) && density is >= 0 and <= 1
                && ulong.TryParse(sparse.Groups[2].Success ? sparse.Groups[2].Value : "0", out var sparseSeed)
                ? new InputSpec(name, "sparse", sparseSeed, density, null)
                : throw new UsageException($"--in {text}: expected sparse(DENSITY, SEED) with a density of 0 to 1, as in --in {name}=\"sparse(0.01, 7)\"");
        }

        return double.TryParse(value, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) && !File.Exists(value)
            ? new InputSpec(name, "number", 0, number, null)
            : new InputSpec(name, "file", 0, 0, value);
    }

    /// <summary>The file's tensor, converted to the argument's type where that loses nothing of the kind (csv holds f64), and to its format.</summary>
    public GivenTensor Load(TensorManifest argument)
    {
        if (!File.Exists(Path))
        {
            throw new UserException($"--in {Name}={Path}: there is no such file, and no such generator");
        }

        if (argument.Format is { } format && TensorFile.IsSparse(Path))
        {
            using var stored = TensorFile.ReadSparse(Path);
            using var cast = stored.ConvertTo(argument.Element);
            return new GivenTensor(null, Fitting(() => cast.ConvertTo(format)));
        }

        using var read = TensorFile.Read(Path);
        return In(argument, read.ConvertTo(argument.Element));
    }

    /// <summary>The generated tensor.</summary>
    public GivenTensor Generate(TensorManifest argument, long[] shape)
    {
        if (Kind == "sparse")
        {
            var format = argument.Format ?? TensorFormat.Coo(shape.Length);
            var drawn = Fitting(() => SparseFill.Uniform(argument.Element, shape, Value, Seed, format));
            if (argument.Format is not null)
            {
                return new GivenTensor(null, drawn);
            }

            using (drawn)
            {
                return new GivenTensor(Fitting(drawn.ToDense), null);
            }
        }

        return In(argument, Fitting(() => Generate(argument.Element, shape)));
    }

    private GivenTensor In(TensorManifest argument, OwnedTensor dense)
    {
        if (argument.Format is not { } format)
        {
            return new GivenTensor(dense, null);
        }

        using (dense)
        {
            return new GivenTensor(null, Fitting(() => SparseTensor.From(dense, format)));
        }
    }

    private T Fitting<T>(Func<T> make)
    {
        try
        {
            return make();
        }
        catch (ArgumentException e)
        {
            throw new UserException($"--in {Name}: {e.Message}");
        }
    }

    private OwnedTensor Generate(ElementType element, long[] shape)
    {
        var tensor = Tensor.Allocate(element, shape);
        switch (Kind)
        {
            case "ones":
                TensorFill.Constant(tensor, 1);
                break;
            case "number":
                TensorFill.Constant(tensor, Value);
                break;
            case "iota":
                TensorFill.Iota(tensor);
                break;
            case "uniform":
                TensorFill.Uniform(tensor, Seed);
                break;
            case "normal":
                TensorFill.Normal(tensor, Seed);
                break;
        }

        return tensor;
    }

    [GeneratedRegex(@"^(uniform|normal)\((\d+)\)$")]
    private static partial Regex Generator();

    [GeneratedRegex(@"^sparse\(\s*([0-9.eE+-]+)\s*(?:,\s*(\d+)\s*)?\)$")]
    private static partial Regex Sparse();
}

/// <summary>A tensor for an argument: dense, or in the format in which the program stores it.</summary>
internal sealed record GivenTensor(OwnedTensor? Dense, OwnedSparseTensor? Sparse) : IDisposable
{
    public TensorRef Ref => Dense is null ? new TensorRef(Sparse!) : new TensorRef(Dense);

    public ReadOnlySpan<long> Shape => Dense is null ? Sparse!.Shape : Dense.Shape;

    public void Dispose()
    {
        Dense?.Dispose();
        Sparse?.Dispose();
    }
}
