using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Kernels.Building;
using Lepton.Kernels.Loops;

namespace Lepton.Kernels.Strategies;

/// <summary>
/// Some rows into the lanes of vectors, sorted there by a <see cref="NetworkSort"/>, and back. Rows whose elements are contiguous are turned over, in squares of
/// as many elements as there are lanes; of others, neighbours already lie in lanes. Where positions are wanted, they stand below the keys, so that no two are equal:
/// <code>
/// key · 2^32 + position,   descending: key · 2^32 + 2^32 - 1 - position
/// </code>
/// </summary>
internal sealed class SideBySideSort(KernelBuilder kernel, SortedRows rows, NetworkSort network)
{
    private readonly int _square = rows.IsContiguous ? kernel.Local("square", network.Key, network.Lanes * network.Lanes) : 0;

    private BodyBuilder Body => kernel.Body;

    private int Lanes => network.Lanes;

    /// <summary>Whether the rows first … end - 1, no more than there are lanes, are worth it; null: always.</summary>
    public LoopExpr? IsGood(LoopExpr first, LoopExpr end)
    {
        LoopExpr? isShort = rows.Length.AsConstant is null
            ? Body.Map(MapOp.LessEqual, ElementType.Bool, BodyMath.Index(rows.Length), BodyMath.Index(network.Longest)) : null;
        if (rows.IsContiguous)
        {
            return rows.Count.AsConstant % Lanes is 0 ? isShort
                : Body.And(isShort, Body.Map(MapOp.GreaterEqual, ElementType.Bool, Body.Sub(end, first), BodyMath.Index(Lanes / 2)));
        }

        // Neighbours that all lie in the last axis.
        return rows.Neighbours.AsConstant % Lanes is 0 ? isShort
            : Body.And(isShort, Body.Map(
                MapOp.LessEqual, ElementType.Bool, Body.Add(Body.Rem(first, BodyMath.Index(rows.Neighbours)), BodyMath.Index(Lanes)), BodyMath.Index(rows.Neighbours)));
    }

    /// <summary>Sorts the rows first … end - 1, for which <see cref="IsGood"/> holds.</summary>
    public void Emit(LoopExpr first, LoopExpr end)
    {
        var zeros = rows.HasTwoZeros ? Body.Declare(new NumberExpr(new LaneType(ElementType.Bool, Lanes), Scalar.Bool(false))) : null;
        if (rows.IsContiguous)
        {
            FillTurned(first, end, zeros);
        }
        else
        {
            Fill(first, zeros);
        }

        network.Sort();
        if (zeros is not null)
        {
            Body.If(Body.LaneReduce(ReduceKind.Any, Body.Read(zeros)), () => Body.For(first, end, 1, mayBeEmpty: false, row =>
                rows.MendZeros(rows.At(kernel.Space.Counter(row, rows.Count)), network.Keys, Body.Sub(row, first), Lanes)));
        }

        if (rows.IsContiguous)
        {
            DrainTurned(first, end);
        }
        else
        {
            Drain(first);
        }
    }

    private void Fill(LoopExpr first, VariableExpr? zeros)
    {
        var at = Neighbours(first);
        rows.ForEach(at, i =>
        {
            var keys = rows.KeyAt(at, Lanes);
            Hear(zeros, keys);
            network.Store(i, Packed(keys, i));
        });
        Body.For(BodyMath.Index(rows.Length), BodyMath.Index(network.Padded), 1, mayBeEmpty: true, i => network.Store(i, Packed(rows.Last(Lanes), i)));
    }

    private void Drain(LoopExpr first)
    {
        var at = Neighbours(first);
        rows.ForEach(at, i => Store(at, network.Load(i)));
    }

    // The indices of lanes that all lie in the last axis.
    private IndexForm[] Neighbours(LoopExpr first)
    {
        var size = BodyMath.Index(rows.Neighbours);
        var line = kernel.Space.Counter(Body.FloorDiv(first, size), SizeExpr.FloorDiv(rows.Count, SizeExpr.Max(SizeExpr.One, rows.Neighbours)));
        var at = rows.At(line * rows.Neighbours);
        at[^1] = kernel.Space.Counter(Body.Rem(first, size), rows.Neighbours, vectorised: true);
        return at;
    }

    // Behind the last row it is read again, and not written.
    private void FillTurned(LoopExpr first, LoopExpr end, VariableExpr? zeros) => Squares((from, mask) =>
    {
        Body.For(BodyMath.Index(0), BodyMath.Index(Lanes), 1, mayBeEmpty: false, r =>
        {
            var row = Body.Min(Body.Add(first, r), Body.Sub(end, BodyMath.Index(1)));
            var keys = rows.KeyAt(Along(row, from), Lanes, mask);
            keys = mask is null ? keys : Body.Select(mask, keys, rows.Last(Lanes));
            Hear(zeros, keys);
            Body.Store(_square, Body.Mul(r, BodyMath.Index(Lanes)), Packed(keys, Numbers(from)));
        });
        var turned = Transposition.Of(Body, [.. Enumerable.Range(0, Lanes).Select(r => SquareRow(BodyMath.Index(r)))]);
        for (var k = 0; k < Lanes; k++)
        {
            network.Store(Body.Add(from, BodyMath.Index(k)), turned[k]);
        }
    }, SizeExpr.CeilDiv(network.Padded, Lanes) * Lanes);

    private void DrainTurned(LoopExpr first, LoopExpr end) => Squares((from, mask) =>
    {
        var turned = Transposition.Of(Body, [.. Enumerable.Range(0, Lanes).Select(k => network.Load(Body.Add(from, BodyMath.Index(k))))]);
        for (var r = 0; r < Lanes; r++)
        {
            Body.Store(_square, BodyMath.Index(r * Lanes), turned[r]);
        }

        Body.For(first, end, 1, mayBeEmpty: false, row => Store(Along(row, from), SquareRow(Body.Sub(row, first)), mask));
    }, rows.Length);

    private IndexForm[] Along(LoopExpr row, LoopExpr from)
    {
        var at = rows.At(kernel.Space.Counter(row, rows.Count));
        at[rows.Axis] = kernel.Space.Counter(from, rows.Length, vectorised: true);
        return at;
    }

    private LoopExpr SquareRow(LoopExpr number) => Body.Let(new LoadExpr(new LaneType(network.Key, Lanes), _square, Body.Mul(number, BodyMath.Index(Lanes))));

    // Numbers of keys from 0 to end, so many at a time; those behind the row's end are masked.
    private void Squares(Action<LoopExpr, LoopExpr?> square, SizeExpr end)
    {
        var whole = SizeExpr.FloorDiv(rows.Length, Lanes) * Lanes;
        Body.For(BodyMath.Index(0), BodyMath.Index(whole), Lanes, mayBeEmpty: true, from => square(from, null));
        if (whole != end)
        {
            Body.For(BodyMath.Index(whole), BodyMath.Index(end), Lanes, mayBeEmpty: true, from =>
                square(from, Body.Less(Numbers(from), Body.Splat(BodyMath.Index(rows.Length), Lanes))));
        }
    }

    private LoopExpr Numbers(LoopExpr from) => Body.Let(new RampExpr(new LaneType(ElementType.I64, Lanes), from, BodyMath.Index(1)));

    private LoopExpr Packed(LoopExpr keys, LoopExpr positions)
    {
        if (!rows.Indices)
        {
            return keys;
        }

        var lowest = BodyMath.Number(ElementType.I64, uint.MaxValue);
        var below = rows.Descending ? Body.Map(MapOp.Sub, ElementType.I64, lowest, positions) : positions;
        return Body.Fma(Body.Cast(keys, ElementType.I64), BodyMath.Number(ElementType.I64, 1L << 32), below);
    }

    private void Store(IndexForm[] at, LoopExpr keys, LoopExpr? mask = null)
    {
        if (!rows.Indices)
        {
            rows.StoreValue(at, keys, mask);
            return;
        }

        var below = Body.Cast(keys, ElementType.I32);
        rows.StorePosition(at, rows.Descending ? Body.Map(MapOp.Sub, ElementType.I32, BodyMath.Number(ElementType.I32, -1), below) : below, mask);
    }

    private void Hear(VariableExpr? zeros, LoopExpr keys)
    {
        if (zeros is not null)
        {
            Body.Assign(zeros, Body.Map(MapOp.Or, ElementType.Bool, Body.Read(zeros), rows.IsNegativeZero(keys)));
        }
    }
}
