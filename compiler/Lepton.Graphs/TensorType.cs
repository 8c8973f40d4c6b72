using Lepton.Abi;

namespace Lepton.Graphs;

/// <summary>Element type and symbolic shape. A scalar has an empty shape.</summary>
public sealed record TensorType(ElementType Element, ValueList<SizeExpr> Shape)
{
    public int Rank => Shape.Count;

    /// <summary>The number of elements.</summary>
    public SizeExpr Count => SizeExpr.Product(Shape);

    public static TensorType Scalar(ElementType element) => new(element, []);

    public TensorType WithElement(ElementType element) => element == Element ? this : new(element, Shape);

    /// <summary>The text form: <c>f32[B, 784]</c>.</summary>
    public override string ToString() => Rank == 0 ? Element.Name() : $"{Element.Name()}[{string.Join(", ", Shape)}]";
}

/// <summary>A bug of the compiler, never of its user: says in which pass; the driver writes the graph to a file.</summary>
public sealed class CompilerBugException(string pass, string message, Exception? cause = null) : Exception($"bug in {pass}: {message}", cause)
{
    public string Pass { get; } = pass;
}
