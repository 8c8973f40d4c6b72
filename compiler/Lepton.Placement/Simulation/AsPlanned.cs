using Lepton.Placement.Problem;

namespace Lepton.Placement.Simulation;

/// <summary>The run in which every kernel starts exactly when the plan says, whether or not it may.</summary>
internal static class AsPlanned
{
    public static Timeline Run(PlacementProblem problem, Plan plan)
    {
        var count = problem.Kernels.Count;
        var routes = new Routes(problem);
        var starts = plan.Starts.ToArray();
        var ends = Enumerable.Range(0, count).Select(v => starts[v] + problem.Kernels[v].Seconds[plan.Devices[v]]).ToArray();
        var planned = plan.Copies.GroupBy(c => (c.Tensor, c.To)).ToDictionary(g => g.Key, g => g.First().Start);
        var copies = new List<CopyRun>();
        var free = new Dictionary<(int From, int To), double>();
        var sent = from t in Enumerable.Range(0, problem.Tensors.Count)
                   from to in Routes.Destinations(problem.Tensors[t], plan.Devices)
                   orderby ends[problem.Tensors[t].Producer], t, to
                   select (Tensor: t, From: plan.Devices[problem.Tensors[t].Producer], To: to, Ready: ends[problem.Tensors[t].Producer]);
        foreach (var copy in sent)
        {
            var start = copy.Ready;
            if (problem.ExclusiveLinks)
            {
                // What the plan does not time goes first come, first served.
                start = planned.TryGetValue((copy.Tensor, copy.To), out var at)
                    ? at
                    : Math.Max(copy.Ready, free.GetValueOrDefault((copy.From, copy.To)));
            }

            var end = start + routes.Seconds(problem.Tensors[copy.Tensor].Bytes, copy.From, copy.To);
            free[(copy.From, copy.To)] = end;
            copies.Add(new CopyRun(copy.Tensor, copy.From, copy.To, start, end));
        }

        return new Timeline(starts, ends, copies);
    }
}
