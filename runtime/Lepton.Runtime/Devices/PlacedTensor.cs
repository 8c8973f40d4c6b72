using Lepton.Abi;

namespace Lepton.Runtime.Devices;

/// <summary>A tensor that lies in memory between segments, or at the ends of the program. Its number is its place in <see cref="PlacedProgram.Tensors"/>.</summary>
/// <param name="Name">What messages call it.</param>
/// <param name="Element">The type of its elements.</param>
/// <param name="Shape">Its sizes.</param>
/// <param name="Format">How it is stored; null: dense.</param>
public sealed record PlacedTensor(string Name, ElementType Element, ValueList<long> Shape, TensorFormat? Format = null)
{
    /// <summary>Of a dense one.</summary>
    internal long Bytes => Tensors.TensorShape.ByteLength(Element, [.. Shape]);
}

/// <summary>A piece of a program that one device runs by one call.</summary>
/// <param name="Name">Unique in the program.</param>
/// <param name="Device">Where it runs.</param>
/// <param name="Entry">Its code, made for that kind of device. Its parameters are found by name.</param>
/// <param name="Reads">By argument of the entry: the tensor.</param>
/// <param name="Makes">By result of the entry: the tensor.</param>
/// <param name="Kernels">The names of its kernels by number, as a <see cref="Profiling.LaunchRecorder"/> has them; empty: not known.</param>
public sealed record PlacedSegment(string Name, Device Device, Entry Entry, ValueList<int> Reads, ValueList<int> Makes, ValueList<string> Kernels = default);
