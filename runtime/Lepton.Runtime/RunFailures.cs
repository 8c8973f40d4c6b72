using Lepton.Abi;
using Lepton.Runtime.Sizes;
using Lepton.Runtime.Tensors;

namespace Lepton.Runtime;

/// <summary>Turns the error fields of a native context into an exception that names the access and the element.</summary>
internal static class RunFailures
{
    internal static LeptonRunException Describe(Frame frame, NativeStatus status, in NativeContext context, long refused)
    {
        var entry = frame.Plan.Manifest;
        if (status == NativeStatus.Failed && context.Error == (int)NativeError.NoMemory)
        {
            return new LeptonRunException($"entry {entry.Name}: no memory for {refused} bytes of a sparse tensor with {frame.DimsText()}");
        }

        if (status != NativeStatus.Failed || context.Error != (int)NativeError.IndexOutOfRange
            || context.Site < 0 || context.Site >= entry.Sites.Count)
        {
            return new LeptonRunException(
                $"entry {entry.Name} failed with status {(int)status}, error {context.Error}, site {context.Site}, which its manifest does not explain");
        }

        var site = entry.Sites[(int)context.Site];
        var programs = frame.Plan.SiteShapes[(int)context.Site];
        var shape = new long[programs.Length];
        for (var axis = 0; axis < shape.Length; axis++)
        {
            shape[axis] = SizeBinder.Evaluate(frame, programs[axis]);
        }

        var element = TensorShape.Unravel(context.Element, shape);
        var range = context.Bound > 0 ? $"is outside 0..{context.Bound - 1}" : "is outside an axis of size 0";
        var where = element.Length > 0 ? $" at element {TensorShape.Text(element)}" : "";
        return new LeptonRunException(
            $"{site.Text} at {site.Location}: index {context.Value} {range}{where}", site.Text, site.Location, element, context.Value, context.Bound);
    }
}
