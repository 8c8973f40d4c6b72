using System.Globalization;
using System.Text.RegularExpressions;
using Lepton.Abi;
using Lepton.Runtime.Files;
using Lepton.Runtime.Tensors;

namespace Lepton.CommandLine.Commands;

/// <summary>Where an argument comes from: <c>x=FILE</c>, <c>x=zeros</c>, <c>x=iota</c>, <c>x=uniform(7)</c>, <c>x=normal(7)</c>, <c>x=1.5</c>.</summary>
internal sealed partial record InputSpec(string Name, string Kind, ulong Seed, double Value, string? Path)
{
    public static InputSpec Parse(string text)
    {
        var parts = text.Split('=', 2);
        if (parts.Length != 2 || parts[0].Length == 0 || parts[1].Length == 0)
        {
            throw new UsageException($"--in {text}: expected NAME=FILE, or NAME= zeros, ones, iota, uniform(SEED), normal(SEED) or a number");
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

        return double.TryParse(value, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) && !File.Exists(value)
            ? new InputSpec(name, "number", 0, number, null)
            : new InputSpec(name, "file", 0, 0, value);
    }

    /// <summary>The file's tensor, converted to the argument's type where that loses nothing of the kind (csv holds f64).</summary>
    public OwnedTensor Load(ElementType element)
    {
        if (!File.Exists(Path))
        {
            throw new UserException($"--in {Name}={Path}: there is no such file, and no such generator");
        }

        var tensor = TensorFile.Read(Path!);
        if (tensor.Element == element)
        {
            return tensor;
        }

        using (tensor)
        {
            return tensor.ConvertTo(element);
        }
    }

    /// <summary>The generated tensor.</summary>
    public OwnedTensor Generate(ElementType element, long[] shape)
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
}
