using System.Globalization;
using Lepton.Abi;
using Lepton.Runtime.Tensors;

namespace Lepton.Runtime;

/// <summary>
/// Makes a parameter's first value from its initialiser: <c>zeros</c>, <c>ones</c>, a number, <c>uniform</c> or <c>uniform(low, high)</c>,
/// <c>normal</c>, <c>normal(deviation)</c> or <c>normal(mean, deviation)</c>, <c>glorot</c>, <c>he</c>.
/// </summary>
/// <remarks>
/// glorot: uniform in ±sqrt(6 / (in + out)) (Glorot and Bengio 2010). he: normal with deviation sqrt(2 / in) (He et al. 2015).
/// in and out are the fans: of <c>w[in, out]</c> its sizes; of a convolution's <c>w[out, in, ...]</c> channels times window; of a vector its length.
/// </remarks>
internal static class ParameterInitializer
{
    internal static OwnedTensor Make(TensorManifest parameter, Func<string, long?> sizeOf, ulong seed)
    {
        var shape = new long[parameter.Shape.Count];
        for (var axis = 0; axis < shape.Length; axis++)
        {
            shape[axis] = parameter.Shape[axis].Evaluate(dim => sizeOf(dim) ?? throw new LeptonArgumentException(
                $"parameter {parameter.Name}: size {dim} of its shape [{string.Join(", ", parameter.Shape)}] is not known; give it by name ({dim}=...)"));
        }

        var tensor = new OwnedTensor(parameter.Element, shape, zeroed: true);
        try
        {
            Fill(tensor, parameter, seed);
            return tensor;
        }
        catch
        {
            tensor.Dispose();
            throw;
        }
    }

    private static void Fill(OwnedTensor tensor, TensorManifest parameter, ulong seed)
    {
        var text = parameter.Initializer
            ?? throw new LeptonArgumentException($"parameter {parameter.Name} has no initialiser; set its value");
        var open = text.IndexOf('(');
        var name = (open < 0 ? text : text[..open]).Trim();
        var arguments = open < 0 ? [] : Numbers(text, open, parameter.Name);
        var stream = StreamOf(parameter.Name);
        var (fanIn, fanOut) = Fans(tensor.Shape);
        switch (name, arguments)
        {
            case ("zeros", []):
                break;
            case ("ones", []):
                TensorFill.Constant(tensor, 1);
                break;
            case ("uniform", []):
                TensorFill.Uniform(tensor, seed, 0, 1, stream);
                break;
            case ("uniform", [var low, var high]):
                TensorFill.Uniform(tensor, seed, low, high, stream);
                break;
            case ("normal", []):
                TensorFill.Normal(tensor, seed, 0, 1, stream);
                break;
            case ("normal", [var deviation]):
                TensorFill.Normal(tensor, seed, 0, deviation, stream);
                break;
            case ("normal", [var mean, var deviation]):
                TensorFill.Normal(tensor, seed, mean, deviation, stream);
                break;
            case ("glorot", []):
                var limit = Math.Sqrt(6.0 / Math.Max(fanIn + fanOut, 1));
                TensorFill.Uniform(tensor, seed, -limit, limit, stream);
                break;
            case ("he", []):
                TensorFill.Normal(tensor, seed, 0, Math.Sqrt(2.0 / Math.Max(fanIn, 1)), stream);
                break;
            default:
                TensorFill.Constant(tensor, double.TryParse(text, CultureInfo.InvariantCulture, out var value) ? value : throw Unknown(text, parameter.Name));
                break;
        }
    }

    private static double[] Numbers(string text, int open, string parameter)
    {
        var inner = text.AsSpan()[(open + 1)..].TrimEnd();
        if (!inner.EndsWith(")"))
        {
            throw Unknown(text, parameter);
        }

        return [.. inner[..^1].ToString().Split(',').Select(part =>
            double.TryParse(part, CultureInfo.InvariantCulture, out var value) ? value : throw Unknown(text, parameter))];
    }

    private static LeptonArgumentException Unknown(string text, string parameter) => new(
        $"parameter {parameter}: no initialiser {text}; there are zeros, ones, a number, uniform(low, high), normal(mean, deviation), glorot and he");

    private static (double In, double Out) Fans(ReadOnlySpan<long> shape)
    {
        double window = 1;
        for (var axis = 2; axis < shape.Length; axis++)
        {
            window *= shape[axis];
        }

        return shape.Length switch
        {
            0 => (1, 1),
            1 => (shape[0], shape[0]),
            2 => (shape[0], shape[1]),
            _ => (shape[1] * window, shape[0] * window),
        };
    }

    /// <summary>FNV-1a of the name: each parameter's numbers depend on its own name, and not on which others there are.</summary>
    private static ulong StreamOf(string name)
    {
        var hash = 14695981039346656037UL;
        foreach (var c in name)
        {
            hash = unchecked((hash ^ c) * 1099511628211UL);
        }

        return hash;
    }
}
