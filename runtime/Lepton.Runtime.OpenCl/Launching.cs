using Lepton.Runtime.Devices.Steps;

namespace Lepton.Runtime.OpenCl;

/// <summary>The part of a run that launches kernels.</summary>
internal sealed unsafe partial class EntryRun
{
    // A launch of more work-items than this, each with memory of its own, is cut.
    private const long MaxScratchBytes = 256L << 20;

    // Drivers compile a kernel for each local size: there is one. On a processor a work-group is what one thread does, and chunks are large.
    private nuint LocalSize(int group) => group > 1 ? (nuint)group : _device.IsCpu ? 1u : 64u;

    protected override void Launch(Step.Launch step, long chunks)
    {
        _session.Count();
        if (step.Kernel.CanFail && _reports == RunSpace.Reports)
        {
            Reported();
        }

        var report = _space.Place(step.Kernel.CanFail ? _reports++ : 0);
        var kernel = _entry.Module.Kernel(_kernels, step.Number).Id;
        var number = 0u;
        foreach (var place in step.Buffers)
        {
            var memory = At(place);
            Set(kernel, number++, memory.Buffer);
            Set(kernel, number++, memory.Offset);
        }

        foreach (var slot in step.Sizes)
        {
            Set(kernel, number++, Sizes[slot]);
        }

        var (scratch, together) = (step.Kernel.ScratchBytes, chunks);
        if (scratch > 0)
        {
            // Whole groups: chunks that work together are not parted.
            var group = Math.Max(1, step.Kernel.Group);
            together = Math.Min(chunks, Math.Max(1, MaxScratchBytes / scratch / group) * group);
            Set(kernel, number++, _space.Scratch(together * scratch).Id);
        }

        Set(kernel, number++, report);
        for (var first = 0L; first < chunks; first += together)
        {
            var limit = Math.Min(chunks, first + together);
            Set(kernel, number, first);
            Set(kernel, number + 1, limit);
            nuint local = LocalSize(step.Kernel.Group), global = ((nuint)(limit - first) + local - 1) / local * local;
            nint made = 0;
            _device.Check(Cl.EnqueueNDRangeKernel(_queue, kernel, 1, null, &global, &local, 0, null, _clock.WantsEvent() ? &made : null), "clEnqueueNDRangeKernel");
            _clock.Launched(made, step.Number, limit - first);
        }
    }

    private void Set(nint kernel, uint number, nint value) =>
        _device.Check(Cl.SetKernelArg(kernel, number, (nuint)sizeof(nint), &value), "clSetKernelArg");

    private void Set(nint kernel, uint number, long value) =>
        _device.Check(Cl.SetKernelArg(kernel, number, sizeof(long), &value), "clSetKernelArg");
}
