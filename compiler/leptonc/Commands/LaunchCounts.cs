using Lepton.Kernels;
using Lepton.Kernels.Loops;

namespace Lepton.CommandLine.Commands;

/// <summary>How often each kernel of an entry is launched in one run: once, or for each step of the loops around it (an iterate: at most).</summary>
internal sealed class LaunchCounts(KernelModule module)
{
    public IReadOnlyList<(Kernel Kernel, double Launches)> Of(EntryProgram entry) => Of(entry.Body);

    /// <summary>What is launched once for a set of parameters.</summary>
    public IReadOnlyList<(Kernel Kernel, double Launches)> Prepared(EntryProgram entry) => Of(entry.Prepare);

    private List<(Kernel Kernel, double Launches)> Of(Abi.ValueList<HostStatement> body)
    {
        var visitor = new Visitor(module);
        visitor.Body(body);
        return visitor.Found;
    }

    private sealed class Visitor(KernelModule module) : HostStatementVisitor
    {
        private double _times = 1;

        public List<(Kernel Kernel, double Launches)> Found { get; } = [];

        public void Body(Abi.ValueList<HostStatement> body)
        {
            foreach (var statement in body)
            {
                statement.Accept(this);
            }
        }

        public override void Visit(Launch statement) => Found.Add((module.Kernels[statement.Kernel], _times));

        public override void Visit(Copy statement)
        {
        }

        public override void Visit(HostLoop statement)
        {
            var outer = _times;
            _times *= statement.Count.AsConstant ?? 1;
            Body(statement.Body);
            _times = outer;
        }

        public override void Visit(SetPointer statement)
        {
        }

        public override void Visit(SwapPointers statement)
        {
        }

        public override void Visit(AllocateLate statement)
        {
        }

        public override void Visit(ReadSize statement)
        {
        }

        public override void Visit(GiveArray statement)
        {
        }
    }
}
