namespace Lepton.Placement.Solver.Pipelines;

/// <summary>Tarjan's strongly connected components (SIAM J. Comput. 1, 1972), without recursion: graphs are as deep as users make them.</summary>
internal static class StrongComponents
{
    /// <summary>A number for each node; two nodes on a circle have the same.</summary>
    public static int[] Of(IReadOnlyList<IReadOnlyList<int>> next)
    {
        var n = next.Count;
        int[] index = [.. Enumerable.Repeat(-1, n)], low = new int[n], component = [.. Enumerable.Repeat(-1, n)], child = new int[n];
        var (counter, components) = (0, 0);
        var (path, open) = (new Stack<int>(), new Stack<int>());
        for (var root = 0; root < n; root++)
        {
            if (index[root] < 0)
            {
                Enter(root);
            }

            while (path.TryPeek(out var v))
            {
                if (child[v] < next[v].Count)
                {
                    var w = next[v][child[v]++];
                    if (index[w] < 0)
                    {
                        Enter(w);
                    }
                    else if (component[w] < 0)
                    {
                        low[v] = Math.Min(low[v], index[w]);
                    }

                    continue;
                }

                path.Pop();
                if (path.TryPeek(out var above))
                {
                    low[above] = Math.Min(low[above], low[v]);
                }

                if (low[v] == index[v])
                {
                    int w;
                    do
                    {
                        component[w = open.Pop()] = components;
                    }
                    while (w != v);
                    components++;
                }
            }
        }

        return component;

        void Enter(int v)
        {
            index[v] = low[v] = counter++;
            path.Push(v);
            open.Push(v);
        }
    }
}
