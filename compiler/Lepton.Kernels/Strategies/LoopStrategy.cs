using Lepton.Abi;
using Lepton.Graphs;

namespace Lepton.Kernels.Strategies;

/// <summary>
/// A scan or iterate as a loop of the host program, unless it is an <see cref="ElementwiseScan"/>. Each state has two buffers, one read and one written in a step, exchanged behind it:
/// <code>
/// copy A = initial; pointer now = A; pointer next = B
/// for t to T { kernels of the body: now, captures -> next, emits[t];  swap now, next }
/// </code>
/// </summary>
public sealed class LoopStrategy : IStrategy
{
    public void Lower(FusionGroup group, LoweringContext context)
    {
        var graph = context.Graph;
        var loop = group.Members.Concat(group.Outputs).Select(m => graph[m] is ResultNode r ? r.Source : m).First(m => graph[m] is ScanNode or IterateNode);
        var (count, states, captures, until) = graph[loop] switch
        {
            ScanNode scan => (scan.Count, scan.States, scan.Captures, false),
            IterateNode iterate => (iterate.Max, iterate.States, iterate.Captures, true),
            _ => throw new CompilerBugException("kernels", $"{group.Name} holds no loop"),
        };
        var results = group.Members.Concat(group.Outputs).Distinct().Where(m => graph[m] is ResultNode r && r.Source == loop).ToLookup(m => ((ResultNode)graph[m]).Index);

        // What the body takes must lie in memory before the loop starts.
        foreach (var capture in captures.Where(c => context.PlaceOf(c) is null && context.StorageOf(c) is null))
        {
            GraphLowering.Materialize(context, capture);
        }

        if (captures.All(c => context.PlaceOf(c) is not null) && ElementwiseScan.TryLower(context, group, loop, results))
        {
            return;
        }

        var program = context.Program;
        var body = new LoweringContext(context.Fused.Bodies[loop], program, context.Options) { Parameters = context.Parameters, IsLoopBody = true };
        var counter = program.NewCounter();
        var pointers = states.Select(_ => (Now: program.NewPointer(), Next: program.NewPointer())).ToArray();
        for (var k = 0; k < states.Count; k++)
        {
            var type = graph[states[k]].Type;
            program.Add(new SetPointer(pointers[k].Now, Start(context, states[k])));
            program.Add(new SetPointer(pointers[k].Next, context.Allocate(type.Element, type.Count)));
        }

        var inputs = body.Graph.Inputs;
        var wanted = new List<BufferPlace?>();
        var (state, capturing) = (0, 0);
        foreach (var input in inputs)
        {
            switch (((InputNode)body.Graph[input]).Kind)
            {
                case InputKind.Step:
                    body.SetPlace(input, new SizePlace(SizeExpr.Variable(counter)));
                    break;
                case InputKind.State:
                    body.SetPlace(input, new BufferPlace(Pointer(pointers[state].Now)));
                    wanted.Add(new BufferPlace(Pointer(pointers[state++].Next)));
                    break;
                default:
                    Take(context, body, captures[capturing++], input);
                    break;
            }
        }

        BufferRef? leave = null;
        for (var k = states.Count; k < body.Graph.Outputs.Count; k++)
        {
            if (until)
            {
                leave = context.Allocate(ElementType.Bool, SizeExpr.One);
                wanted.Add(new BufferPlace(leave));
                continue;
            }

            // Emit e of step t lies at slice t of the stacked result.
            var emitted = results[k].Select(r => (NodeId?)r).FirstOrDefault();
            var type = body.Graph[body.Graph.Outputs[k].Node].Type;
            var slice = SizeExpr.Variable(counter) * (type.Count * type.Element.ByteSize());
            wanted.Add(emitted is { } e && context.PlaceOf(e) is BufferPlace place
                ? new BufferPlace(place.Ref with { Offset = place.Ref.Offset + slice })
                : null);
            foreach (var twin in results[k].Skip(1))
            {
                context.SetPlace(twin, context.PlaceOf(emitted!.Value)!);
            }
        }

        var steps = program.Within(() =>
        {
            GraphLowering.Run(body, wanted);
            foreach (var (now, next) in pointers)
            {
                program.Add(new SwapPointers(now, next));
            }
        });
        program.Add(new HostLoop(counter, count, steps, leave));

        // Final states stay where they are; who wants them elsewhere copies.
        for (var k = 0; k < states.Count; k++)
        {
            foreach (var result in results[k])
            {
                context.SetPlace(result, new BufferPlace(Pointer(pointers[k].Now)));
            }
        }
    }

    private static void Take(LoweringContext context, LoweringContext body, NodeId capture, NodeId input)
    {
        if (context.PlaceOf(capture) is { } place)
        {
            body.SetPlace(input, place);
        }

        if (context.StorageOf(capture) is { } storage)
        {
            body.SetStorage(input, storage);
        }
    }

    // The buffer that a state starts in: that of its initial value if nobody else wants that, else a copy. What this graph was given is
    // wanted by others: a capture of an outer loop's body, by the next step of that loop.
    private static BufferRef Start(LoweringContext context, NodeId initial)
    {
        if (context.Graph[initial] is not InputNode && context.PlaceOf(initial) is BufferPlace { Ref.Kind: BufferKind.Arena } place
            && context.UsesOf(initial) == 1 && !context.SharesMemory.Contains(initial))
        {
            return place.Ref;
        }

        var type = context.Graph[initial].Type;
        var start = context.Allocate(type.Element, type.Count);
        GraphLowering.Deliver(context, initial, new BufferPlace(start));
        return start;
    }

    private static BufferRef Pointer(int number) => new(BufferKind.Pointer, number, SizeExpr.Zero);
}
