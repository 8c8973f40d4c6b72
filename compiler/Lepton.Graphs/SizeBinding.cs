using Lepton.Abi;

namespace Lepton.Graphs;

/// <summary>Finds the size variables of a call from the shapes of its inputs, and checks the constraints.</summary>
public static class SizeBinding
{
    /// <summary>
    /// Solves shape = size for one unknown at a time (a·N + b), until nothing new is found. Throws <see cref="GraphRunException"/> when a
    /// variable stays unknown.
    /// </summary>
    public static Func<string, long> Infer(Graph graph, IReadOnlyList<TensorValue> inputs, IReadOnlyDictionary<string, long>? given = null)
    {
        var known = given is null ? [] : new Dictionary<string, long>(given);
        var open = graph.Inputs.Take(inputs.Count)
            .SelectMany((id, i) => graph[id].Type.Shape.Take(inputs[i].Dims.Count).Select((size, axis) => (size, inputs[i].Dims[axis])))
            .Concat(graph.Constraints.Where(c => !c.AtLeast).Select(c => (c.Left - c.Right, 0L)))
            .ToList();
        for (var found = true; found;)
        {
            found = false;
            foreach (var (size, value) in open)
            {
                var unknown = size.Variables().Where(v => !known.ContainsKey(v)).Take(2).ToArray();
                if (unknown.Length == 1 && Solve(size, value, unknown[0], known) is { } solution)
                {
                    known[unknown[0]] = solution;
                    found = true;
                }
            }
        }

        return graph.Dims.FirstOrDefault(d => !known.ContainsKey(d)) is { } missing
            ? throw new GraphRunException(GraphRunError.Input, $"the size {missing} does not follow from the inputs: give it")
            : name => known.TryGetValue(name, out var value) ? value : throw new CompilerBugException("interpreter", $"no size variable {name}");
    }

    /// <summary>Throws <see cref="GraphRunException"/> for the first constraint that does not hold.</summary>
    public static void Check(Graph graph, Func<string, long> sizes)
    {
        foreach (var c in graph.Constraints)
        {
            var (left, right) = (c.Left.Evaluate(sizes), c.Right.Evaluate(sizes));
            if (c.AtLeast ? left < right : left != right)
            {
                throw new GraphRunException(GraphRunError.Constraint, $"{c.Left} {(c.AtLeast ? ">=" : "==")} {c.Right} does not hold ({left} and {right}): {c.Reason}");
            }
        }
    }

    private static long? Solve(SizeExpr size, long value, string unknown, Dictionary<string, long> known)
    {
        var form = size.Substitute(n => known.TryGetValue(n, out var v) ? v : null);
        var constant = form.Substitute(n => n == unknown ? 0 : null).AsConstant;
        var slope = form - (constant ?? 0);
        if (constant is not { } offset || SizeExpr.TryDivideExactly(slope, SizeExpr.Variable(unknown))?.AsConstant is not { } factor || factor == 0)
        {
            return null;
        }

        return (value - offset) % factor == 0 ? (value - offset) / factor : null;
    }
}
