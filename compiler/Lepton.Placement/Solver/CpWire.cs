using System.Collections.Immutable;
using Google.Protobuf;

namespace Lepton.Placement.Solver;

/// <summary>A model as the bytes of a CpModelProto. The numbers are the fields of that message.</summary>
public static class CpWire
{
    public static byte[] Encode(CpModel model) => Message(o =>
    {
        foreach (var domain in model.Variables)
        {
            Nested(o, 2, v => Packed(v, 2, Pairs(domain)));
        }

        foreach (var constraint in model.Constraints)
        {
            Nested(o, 3, c => Write(c, constraint));
        }

        if (model.Objective is { } objective)
        {
            Nested(o, 4, f =>
            {
                Packed(f, 1, objective.Terms.Select(t => (long)t.Variable));
                WriteDouble(f, 2, objective.Offset);
                Packed(f, 4, objective.Terms.Select(t => t.Coefficient));
            });
        }

        if (!model.Hint.IsEmpty)
        {
            Nested(o, 6, h =>
            {
                Packed(h, 1, Enumerable.Range(0, model.Hint.Length).Select(i => (long)i));
                Packed(h, 2, model.Hint);
            });
        }
    });

    private static void Write(CodedOutputStream o, CpConstraint constraint)
    {
        Packed(o, 2, References(constraint.If));
        switch (constraint)
        {
            case BoolOr c: Nested(o, 3, m => Packed(m, 1, References(c.Literals))); break;
            case BoolAnd c: Nested(o, 4, m => Packed(m, 1, References(c.Literals))); break;
            case AtMostOne c: Nested(o, 26, m => Packed(m, 1, References(c.Literals))); break;
            case ExactlyOne c: Nested(o, 29, m => Packed(m, 1, References(c.Literals))); break;
            case Linear c:
                Nested(o, 12, m =>
                {
                    Packed(m, 1, c.Sum.Terms.Select(t => (long)t.Variable));
                    Packed(m, 2, c.Sum.Terms.Select(t => t.Coefficient));
                    Packed(m, 3, Pairs(c.Domain));
                });
                break;
            case Interval c:
                Nested(o, 19, m =>
                {
                    Expression(m, 4, c.Start);
                    Expression(m, 5, c.End);
                    Expression(m, 6, c.Size);
                });
                break;
            case NoOverlap c: Nested(o, 20, m => Packed(m, 1, c.Intervals.Select(i => (long)i.Index))); break;
            case Cumulative c:
                Nested(o, 22, m =>
                {
                    Expression(m, 1, c.Capacity);
                    Packed(m, 2, c.Intervals.Select(i => (long)i.Index));
                    foreach (var demand in c.Demands)
                    {
                        Expression(m, 3, demand);
                    }
                });
                break;
            case LinearMax c:
                Nested(o, 27, m =>
                {
                    Expression(m, 1, c.Target);
                    foreach (var value in c.Values)
                    {
                        Expression(m, 2, value);
                    }
                });
                break;
            default: throw new ArgumentException($"no wire format for {constraint.GetType().Name}");
        }
    }

    private static void Expression(CodedOutputStream o, int field, LinearExpression e) => Nested(o, field, m =>
    {
        Packed(m, 1, e.Terms.Select(t => (long)t.Variable));
        Packed(m, 2, e.Terms.Select(t => t.Coefficient));
        if (e.Offset != 0)
        {
            m.WriteTag(3, WireFormat.WireType.Varint);
            m.WriteInt64(e.Offset);
        }
    });

    private static IEnumerable<long> References(ImmutableArray<Literal> literals) => literals.Select(l => (long)l.Reference);

    private static IEnumerable<long> Pairs(CpDomain domain) => domain.Parts.SelectMany(p => new[] { p.Low, p.High });

    // A negative number takes ten bytes, of a 32-bit field too.
    private static void Packed(CodedOutputStream o, int field, IEnumerable<long> values)
    {
        var all = values as IReadOnlyCollection<long> ?? [.. values];
        if (all.Count == 0)
        {
            return;
        }

        o.WriteTag(field, WireFormat.WireType.LengthDelimited);
        o.WriteLength(all.Sum(CodedOutputStream.ComputeInt64Size));
        foreach (var value in all)
        {
            o.WriteInt64(value);
        }
    }

    private static void WriteDouble(CodedOutputStream o, int field, double value)
    {
        o.WriteTag(field, WireFormat.WireType.Fixed64);
        o.WriteDouble(value);
    }

    private static void Nested(CodedOutputStream o, int field, Action<CodedOutputStream> body)
    {
        o.WriteTag(field, WireFormat.WireType.LengthDelimited);
        o.WriteBytes(ByteString.CopyFrom(Message(body)));
    }

    private static byte[] Message(Action<CodedOutputStream> body)
    {
        using var bytes = new MemoryStream();
        using (var o = new CodedOutputStream(bytes, 256, leaveOpen: true))
        {
            body(o);
        }

        return bytes.ToArray();
    }
}
