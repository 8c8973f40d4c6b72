// Placement as a library: any tasks on any devices, with proof, and what searches without proof find on the same tasks.
using Lepton.Abi;
using Lepton.Embedding;
using Lepton.Placement;
using Lepton.Placement.Problem;
using Lepton.Placement.Simulation;
using Lepton.Placement.Solver;
using Tensor = Lepton.Runtime.Tensors.Tensor;

using var solver = CpPlacement.Create(out var missing);
var options = solver?.Options() ?? new PlacerOptions();
if (solver is null)
{
    Console.WriteLine($"without a solver: {missing}");
}

TasksOnNodes(options);
SpeedAndCost(options);

// The linear program  min Σ c[t,n]·x[t,n]  with  Σ_n x[t,n] = 1  and  Σ_t x[t,n] ≤ 2: an hour of each task costs what the table says.
static void TasksOnNodes(PlacerOptions options)
{
    double[][] cost = [[9, 2, 7], [6, 4, 3], [5, 8, 1], [7, 6, 9], [4, 3, 2]];
    var nodes = Enumerable.Range(0, 3).Select(n => new Device($"node{n}", MemoryBytes: 2, UsdPerHour: 1, Streams: 2)).ToValueList();
    var tasks = cost.Index().Select(t => new Kernel($"task{t.Index}", [.. t.Item.Select(c => 3600 * c)], WeightBytes: 1)).ToValueList();
    var problem = new PlacementProblem(nodes, [], tasks, [], Objective.Of(Metric.Money), MoneyModel.Busy, MemoryModel.Weights);
    var result = Placer.Place(problem, options);
    Console.WriteLine($"tasks on nodes: {result.Status}, {result.Run!.Score.Money:0.##} usd");
    foreach (var (t, n) in result.Run.Plan.Devices.Index())
    {
        Console.WriteLine($"  {tasks[t].Name} on {nodes[n].Name} for {cost[t][n]} usd");
    }
}

// Twelve tasks on four devices: 0.6 · time + 0.4 · cost, each relative to the best there is, within 100 ms.
static void SpeedAndCost(PlacerOptions options)
{
    const double weight = 0.6;
    const double most = 0.1;
    var problem = Tasks(seed: 5, most, weight);
    var exact = Placer.Place(problem, options);
    var (fastest, cheapest) = (exact.References.Time, exact.References.Money);
    Console.WriteLine($"speed and cost: {exact.Status}; fastest {1e3 * fastest:0.00} ms, cheapest {1e6 * cheapest:0.00} µusd");
    Print("exact", exact.Run!.Score, Value(exact.Run.Score));

    using var engine = LeptonEngine.Compile(Path.Combine(AppContext.BaseDirectory, "evolve.lep"));
    foreach (var search in new[] { "genetic", "swarm" })
    {
        var plan = Search(engine, search, problem, weight, fastest, cheapest, most);
        var score = Simulator.Run(problem, plan).Score;
        Print(search, score, Value(score));
        if (score.Feasible && Value(score) < Value(exact.Run.Score) * (1 - 1e-9))
        {
            throw new InvalidOperationException($"{search} is better than the exact answer");
        }
    }

    Console.WriteLine("  the exact answer is never worse");

    double Value(PlanScore score) => (weight * score.Time / fastest) + ((1 - weight) * score.Money / cheapest);

    static void Print(string name, PlanScore score, double value) => Console.WriteLine(
        $"  {name,-8} {value:0.0000}  {1e3 * score.Time,7:0.00} ms  {1e6 * score.Money,7:0.00} µusd{(score.Feasible ? "" : "  breaks a limit")}");
}

// Layers of tasks that hand on what they make; a faster device costs more than it is faster.
static PlacementProblem Tasks(int seed, double most, double weight)
{
    var random = new Random(seed);
    ValueList<Device> devices =
    [
        new("edge", UsdPerHour: 0.02), new("laptop", UsdPerHour: 0.10), new("server", UsdPerHour: 0.60), new("gpu", UsdPerHour: 3.00),
    ];
    double[] speed = [1, 2.5, 7, 24];
    var links = new List<Link>();
    for (var a = 0; a < devices.Count; a++)
    {
        for (var b = 0; b < devices.Count; b++)
        {
            if (a != b)
            {
                links.Add(new Link(a, b, a + b == 5 ? 20e-6 : 2e-3, a + b == 5 ? 10e9 : 60e6));
            }
        }
    }

    var (kernels, tensors) = (new List<Kernel>(), new List<Lepton.Placement.Problem.Tensor>());
    for (var v = 0; v < 12; v++)
    {
        var work = 0.004 + (0.03 * random.NextDouble());
        kernels.Add(new Kernel($"task{v}", [.. speed.Select(s => work / s * (0.7 + (0.6 * random.NextDouble())))]));
        ValueList<int> readers = [.. Enumerable.Range(v + 1, Math.Min(4, 11 - v)).Where(_ => random.NextDouble() < 0.45)];
        tensors.Add(new Lepton.Placement.Problem.Tensor($"t{v}", v, 20e3 + (200e3 * random.NextDouble()), readers));
    }

    var goal = new Goal([new Term(Metric.Time, weight), new Term(Metric.Money, 1 - weight)], GoalMeaning.Relative);
    return new PlacementProblem([.. devices], [.. links], [.. kernels], [.. tensors], new Objective([goal], [new Limit(Metric.Time, most)]));
}

// The same tasks as tensors; the answer is a device for each, in the order of the tasks.
static Plan Search(LeptonEngine engine, string entry, PlacementProblem problem, double weight, double fastest, double cheapest, double most)
{
    var (v, d) = (problem.Kernels.Count, problem.Devices.Count);
    var (seconds, usd, bytes) = (new float[v * d], new float[v * d], new float[v * v]);
    var (latency, rate) = (new float[d * d], Enumerable.Repeat(float.PositiveInfinity, d * d).ToArray());
    for (var i = 0; i < v * d; i++)
    {
        seconds[i] = (float)problem.Kernels[i / d].Seconds[i % d];
        usd[i] = (float)(problem.Kernels[i / d].Seconds[i % d] * problem.Devices[i % d].UsdPerSecond);
    }

    foreach (var tensor in problem.Tensors)
    {
        foreach (var reader in tensor.Consumers)
        {
            bytes[(tensor.Producer * v) + reader] = (float)tensor.Bytes;
        }
    }

    foreach (var link in problem.Links)
    {
        latency[(link.From * d) + link.To] = (float)link.LatencySeconds;
        rate[(link.From * d) + link.To] = (float)link.BytesPerSecond;
    }

    using var results = engine[entry].Evaluate(
    [
        Tensor.From(seconds, v, d), Tensor.From(usd, v, d), Tensor.From(bytes, v, v), Tensor.From(latency, d, d), Tensor.From(rate, d, d),
        Tensor.Scalar((float)weight), Tensor.Scalar((float)fastest), Tensor.Scalar((float)cheapest), Tensor.Scalar((float)most), Tensor.Scalar(1L),
    ]);
    var on = results["on"].Dense.AsSpan<long>().ToArray();

    // The searches start tasks in their order, so that is the order in which the simulator is to start them.
    return new Plan([.. on.Select(x => (int)x)], [.. Enumerable.Range(0, v).Select(i => (double)i)]);
}
