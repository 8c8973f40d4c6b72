using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Kernels.Building;
using Lepton.Kernels.Loops;

namespace Lepton.Kernels.Strategies;

/// <summary>
/// Fetches the next row from memory while this one is computed with. A row that is run through several times is read from memory by the first
/// pass alone, which does little else; so the second pass asks for the next row's lines, and memory works all the time:
/// <code>
/// pass 0: row r     pass 1: row r, lines of row r + 1     pass 2: row r     pass 0: row r + 1, which is in the cache …
/// </code>
/// </summary>
internal sealed class RowwiseAhead
{
    private const int LineBytes = 64;

    // As much of a row as leaves room for the present row and the results in the first cache, and in the second.
    private const long NearBytes = 8 * 1024;
    private const long FarBytes = 128 * 1024;

    private readonly KernelBuilder _kernel;
    private readonly RowwisePlan _plan;
    private readonly bool _suits;

    public RowwiseAhead(KernelBuilder kernel, RowwisePlan plan, RowwiseLayout layout, bool wanted)
    {
        (_kernel, _plan) = (kernel, plan);
        _suits = wanted && layout.RowsFollow(plan) && plan.Passes > 1;
    }

    /// <summary>Runs what emits the loads of one vector of a row, and puts before what it answers the requests for the next row.</summary>
    public Action Watch(int pass, int chain, Coords at, Func<Action> emit)
    {
        if (pass != 1 || !_suits || at.Mask is not null)
        {
            return emit();
        }

        var (here, loads) = (ValueEmitter.RowMajor(at.Axes, _plan.Shape), new HashSet<NodeId>());
        var outer = _kernel.Values.OnLoad;
        _kernel.Values.OnLoad = (node, address) => _ = here.Equals(address) && loads.Add(node);
        var rest = emit();
        _kernel.Values.OnLoad = outer;
        return () =>
        {
            foreach (var node in loads)
            {
                Fetch(node, here, chain, at.Lanes);
            }

            rest();
        };
    }

    private void Fetch(NodeId node, IndexForm here, int chain, int lanes)
    {
        var size = _kernel.Graph[node].Type.Element.ByteSize();
        var bytes = _plan.RowLength.AsConstant * size;
        if (bytes is null or > FarBytes || (chain * lanes * size) % LineBytes != 0)
        {
            return;
        }

        var next = IndexForm.From(here.Offset + _plan.RowLength, here.Terms, SizeExpr.Zero);
        for (var line = 0; line < lanes * size; line += LineBytes)
        {
            var index = _kernel.Space.ToScalar(next + IndexForm.Of(SizeExpr.Constant(line / size)));
            _kernel.Body.Add(new PrefetchStatement(_kernel.Read(node), index, bytes > _kernel.Context.Options.Limit(NearBytes)));
        }
    }
}
