using System.Collections.Immutable;
using Google.Protobuf;

namespace Lepton.Placement.Solver;

/// <summary>What the solver says of a model, with the numbers of the wire format.</summary>
public enum CpSolverStatus
{
    /// <summary>Stopped before it found a solution.</summary>
    Unknown = 0,

    /// <summary>The model breaks a rule of the format: our mistake.</summary>
    ModelInvalid = 1,

    /// <summary>Stopped with a solution, and without a proof that it is best.</summary>
    Feasible = 2,

    Infeasible = 3,

    /// <summary>The solution is proved best.</summary>
    Optimal = 4,
}

/// <summary>A decoded CpSolverResponse.</summary>
/// <param name="Objective">The solution's objective, offset included.</param>
/// <param name="BestBound">No solution has a smaller objective.</param>
public sealed record CpResponse(CpSolverStatus Status, ImmutableArray<long> Solution, double Objective, double BestBound, string Info)
{
    /// <exception cref="InvalidProtocolBufferException">The bytes are no such message.</exception>
    public static CpResponse Decode(byte[] bytes)
    {
        using var input = new CodedInputStream(bytes);
        var status = CpSolverStatus.Unknown;
        var solution = ImmutableArray.CreateBuilder<long>();
        double objective = 0, bound = 0;
        var hasBound = false;
        var info = "";
        while (input.ReadTag() is var tag and not 0)
        {
            switch (WireFormat.GetTagFieldNumber(tag), WireFormat.GetTagWireType(tag))
            {
                case (1, WireFormat.WireType.Varint): status = (CpSolverStatus)input.ReadEnum(); break;
                case (2, WireFormat.WireType.Varint): solution.Add(input.ReadInt64()); break;
                case (2, WireFormat.WireType.LengthDelimited): ReadPacked(input.ReadBytes(), solution); break;
                case (3, WireFormat.WireType.Fixed64): objective = input.ReadDouble(); break;
                case (4, WireFormat.WireType.Fixed64): (bound, hasBound) = (input.ReadDouble(), true); break;
                case (20, WireFormat.WireType.LengthDelimited): info = input.ReadString(); break;
                default: input.SkipLastField(); break;
            }
        }

        if (!Enum.IsDefined(status))
        {
            throw new InvalidDataException($"status {(int)status} is none that the solver has");
        }

        // A number that is 0 is not on the wire. Without a solution that would claim too much.
        bound = hasBound || status != CpSolverStatus.Unknown ? bound : double.NegativeInfinity;
        return new CpResponse(status, solution.DrainToImmutable(), objective, bound, info);
    }

    private static void ReadPacked(ByteString values, ImmutableArray<long>.Builder into)
    {
        using var input = values.CreateCodedInput();
        while (!input.IsAtEnd)
        {
            into.Add(input.ReadInt64());
        }
    }
}
