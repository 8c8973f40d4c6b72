using Lepton.Abi;
using Lepton.Kernels;
using Lepton.Runtime.Profiling;

namespace Lepton.CommandLine.Profiling;

/// <summary>
/// Which fusion group each recorded launch was for. Groups may share a kernel, so the host program is followed along the record; a launch that
/// had nothing to do is not in it, and a loop that may leave early has run as often as its first kernel comes again.
/// </summary>
internal static class GroupTimes
{
    /// <summary>
    /// Seconds of each group in one run, of each launch up to the start of the next one: what lies between them is part of the run too. "" for what
    /// belongs to none.
    /// </summary>
    public static Dictionary<string, double> Of(EntryProgram entry, ReadOnlySpan<LaunchRecord> launches)
    {
        var walk = new Walk([.. launches]);
        walk.Body(entry.Body);
        return walk.Seconds;
    }

    private sealed class Walk(LaunchRecord[] launches) : HostStatementVisitor
    {
        private int _next;

        public Dictionary<string, double> Seconds { get; } = [];

        public void Body(ValueList<HostStatement> body)
        {
            foreach (var statement in body)
            {
                statement.Accept(this);
            }
        }

        public override void Visit(Launch statement)
        {
            if (_next < launches.Length && launches[_next].Kernel == statement.Kernel)
            {
                var launch = launches[_next++];
                var end = _next < launches.Length ? Math.Max(launch.End, launches[_next].Start) : launch.End;
                Seconds[statement.Group] = Seconds.GetValueOrDefault(statement.Group) + Profile.SecondsOf(end - launch.Start);
            }
        }

        public override void Visit(HostLoop statement)
        {
            var first = statement.Body.OfType<Launch>().FirstOrDefault()?.Kernel;
            var steps = statement.Until is null ? statement.Count.AsConstant : null;
            for (var step = 0L; step < (steps ?? long.MaxValue); step++)
            {
                var before = _next;
                if (steps is null && first is { } kernel && (_next == launches.Length || launches[_next].Kernel != kernel))
                {
                    return;
                }

                Body(statement.Body);
                if (_next == before)
                {
                    return;
                }
            }
        }

        public override void Visit(Copy statement)
        {
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
