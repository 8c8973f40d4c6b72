namespace Lepton.Placement.Solver.Pipelines;

/// <summary>Sets that only grow together (union-find, with halving of paths).</summary>
internal sealed class DisjointSets(int count)
{
    private readonly int[] _parent = [.. Enumerable.Range(0, count)];

    /// <summary>True if they were not all in one set before.</summary>
    public bool JoinAll(IEnumerable<int> members)
    {
        var (first, joined) = (-1, false);
        foreach (var member in members)
        {
            var root = Root(member);
            first = first < 0 ? root : first;
            joined |= root != first;
            _parent[root] = first;
        }

        return joined;
    }

    /// <summary>The sets numbered from 0 in order of their first members: the number of each member's set.</summary>
    public int[] Numbered(out int sets)
    {
        var numbers = new Dictionary<int, int>();
        var result = new int[_parent.Length];
        for (var i = 0; i < result.Length; i++)
        {
            var root = Root(i);
            result[i] = numbers.TryGetValue(root, out var number) ? number : numbers[root] = numbers.Count;
        }

        sets = numbers.Count;
        return result;
    }

    private int Root(int i)
    {
        while (_parent[i] != i)
        {
            i = _parent[i] = _parent[_parent[i]];
        }

        return i;
    }
}
