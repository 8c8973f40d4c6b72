using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Kernels.Loops;

namespace Lepton.Kernels.Building;

/// <summary>
/// The symbols of a kernel's index forms: loop counters, indices that are data, and quotients that no form could do without. Quotients become
/// code when a form that still holds one is materialised, and not before.
/// </summary>
public sealed class IndexSpace(BodyBuilder body)
{
    private readonly List<Symbol> _symbols = [];
    private readonly Dictionary<(LoopExpr Value, SizeExpr? Low, SizeExpr? High), int> _values = [];
    private readonly Dictionary<(IndexForm Form, SizeExpr By), int> _quotients = [];

    /// <summary>Called for each form whose value, not just whose address, becomes code. Planning asks which loops may be merged.</summary>
    public Action<IndexForm>? OnOpaque { get; set; }

    /// <summary>
    /// The symbol of an i64 value (scalar or lanes) known to be ≥ low and &lt; high (null: unknown).
    /// </summary>
    /// <param name="vectorised">A loop counter that stands for itself + 0 … lanes-1, all below high.</param>
    public int SymbolOf(LoopExpr value, SizeExpr? low = null, SizeExpr? high = null, bool vectorised = false)
    {
        if (_values.TryGetValue((value, low, high), out var known))
        {
            return known;
        }

        _symbols.Add(new Symbol(value, null, null, value.Type.Lanes > 1, low, high, vectorised));
        _values.Add((value, low, high), _symbols.Count - 1);
        return _symbols.Count - 1;
    }

    /// <summary>The form of an i64 value: a size if it is one.</summary>
    public IndexForm FormOf(LoopExpr value, SizeExpr? low = null, SizeExpr? high = null) =>
        BodyMath.AsSize(value) is { } size && size.AsConstant is null or (> -SizeExpr.MaxIndexNumber and < SizeExpr.MaxIndexNumber) ? IndexForm.Of(size) : IndexForm.Of(SymbolOf(value, low, high));

    /// <summary>The form of a loop counter in 0 … high-1, standing for <c>counter + lane</c> if vectorised.</summary>
    public IndexForm Counter(LoopExpr counter, SizeExpr high, bool vectorised = false) => Counter(counter, SizeExpr.Zero, high, vectorised);

    public IndexForm Counter(LoopExpr counter, SizeExpr low, SizeExpr high, bool vectorised)
    {
        var symbol = SymbolOf(counter, low, high, vectorised);
        return vectorised ? IndexForm.Lanes(symbol) : IndexForm.Of(symbol);
    }

    /// <summary>The same value in all lanes.</summary>
    public bool IsUniform(IndexForm form) => form.Lane == SizeExpr.Zero && !HasVector(form);

    /// <summary>Holds symbols that differ from lane to lane in no regular way.</summary>
    public bool HasVector(IndexForm form)
    {
        foreach (var term in form.Terms)
        {
            if (_symbols[term.Symbol].IsVector)
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>
    /// floor(form / by): split into what is divisible and a rest; when the rest is provably in 0 … by-1 it is gone, else it is a quotient
    /// symbol: (w·i + j) div w = i + (j div w) = i for 0 ≤ j &lt; w.
    /// </summary>
    public IndexForm Div(IndexForm form, SizeExpr by)
    {
        if (by == SizeExpr.One || form.Equals(IndexForm.Zero) || by == SizeExpr.Zero)
        {
            return form;
        }

        var (quotient, rest) = Split(form, by);
        var (low, high) = Bounds(rest);
        if (low?.IsProvablyNonNegative() == true && high is not null && (by - high).IsProvablyNonNegative())
        {
            return quotient;
        }

        if (!_quotients.TryGetValue((rest, by), out var symbol))
        {
            SizeExpr? below = low?.IsProvablyNonNegative() == true && high is not null ? SizeExpr.CeilDiv(high, by) : null;
            _symbols.Add(new Symbol(null, rest, by, !IsUniform(rest), below is null ? null : SizeExpr.Zero, below, false));
            symbol = _symbols.Count - 1;
            _quotients.Add((rest, by), symbol);
        }

        return quotient + IndexForm.Of(symbol);
    }

    /// <summary>form - by·floor(form / by).</summary>
    public IndexForm Mod(IndexForm form, SizeExpr by) => form - (Div(form, by) * by);

    /// <summary>Provably in 0 … size-1 in all lanes.</summary>
    public bool IsInside(IndexForm form, SizeExpr size)
    {
        var (low, high) = Bounds(form);
        return low?.IsProvablyNonNegative() == true && high is not null && (size - high).IsProvablyNonNegative();
    }

    /// <summary>low ≤ form &lt; high over all values of the symbols, where known.</summary>
    public (SizeExpr? Low, SizeExpr? High) Bounds(IndexForm form)
    {
        try
        {
            return Interval(form);
        }
        catch (OverflowException)
        {
            return (null, null); // data may be any number, 2^63 - 1 too
        }
    }

    private (SizeExpr? Low, SizeExpr? High) Interval(IndexForm form)
    {
        var (low, top) = (SizeExpr.Zero, SizeExpr.Zero);

        // k·x - k·w·(x div w) is k·(x mod w), which lies in 0 … k·(w-1); seen before intervals are added up, which would lose it.
        for (var i = form.Terms.Count - 1; i >= 0; i--)
        {
            var symbol = _symbols[form.Terms[i].Symbol];
            if (symbol.Dividend is { } x && SizeExpr.TryDivideExactly(-form.Terms[i].Coefficient, symbol.Divisor!) is { } k
                && k.IsProvablyNonNegative() && x.Terms.Any(t => form.Coefficient(t.Symbol) == t.Coefficient * k))
            {
                form = form - (x * k) + (IndexForm.Of(form.Terms[i].Symbol) * (symbol.Divisor! * k));
                top += k * (symbol.Divisor! - SizeExpr.One);
                i = form.Terms.Count;
            }
        }

        (low, top) = (low + form.Offset, top + form.Offset);
        var lane = form.Lane;
        foreach (var (number, coefficient) in form.Terms)
        {
            var symbol = _symbols[number];
            if (symbol.Vectorised && coefficient == lane)
            {
                lane = SizeExpr.Zero; // counter + lane stays below the counter's end
            }

            var rises = coefficient.IsProvablyNonNegative();
            if (symbol.Low is null || symbol.High is null || (!rises && !(-coefficient).IsProvablyNonNegative()))
            {
                return (null, null);
            }

            var (atLow, atTop) = (coefficient * symbol.Low, coefficient * (symbol.High - SizeExpr.One));
            (low, top) = rises ? (low + atLow, top + atTop) : (low + atTop, top + atLow);
        }

        // Lanes that no counter covers: how many there are is not known here.
        return lane == SizeExpr.Zero ? (low, top + SizeExpr.One) : (lane.IsProvablyNonNegative() ? low : null, null);
    }

    /// <summary>The loop counters and data values that a form depends on, through quotients too.</summary>
    public IEnumerable<int> BaseSymbols(IndexForm form) =>
        form.Terms.SelectMany(t => _symbols[t.Symbol].Dividend is { } x ? BaseSymbols(x) : [t.Symbol]).Distinct();

    /// <summary>Whether a form still holds quotients.</summary>
    public bool HasQuotient(IndexForm form) => form.Terms.Any(t => _symbols[t.Symbol].Dividend is not null);

    /// <summary>Whether the form's loop counters and data exist where code is written now.</summary>
    public bool IsVisible(IndexForm form) => BaseSymbols(form).All(s => body.IsVisible(_symbols[s].Value!));

    /// <summary>A uniform form as an i64 scalar. Outer loops' parts are added first, so that they are computed there.</summary>
    public LoopExpr ToScalar(IndexForm form)
    {
        var parts = form.Terms
            .Select(t => (Value: ValueOf(t.Symbol, 1), t.Coefficient))
            .Select(p => (p.Value, p.Coefficient, Depth: body.DepthOf(p.Value)))
            .OrderBy(p => p.Depth);
        LoopExpr sum = BodyMath.Index(form.Offset);
        foreach (var (value, coefficient, _) in parts)
        {
            sum = body.Add(sum, body.Mul(value, BodyMath.Index(coefficient)));
        }

        return sum;
    }

    /// <summary>A form as i64 lanes.</summary>
    public LoopExpr ToLanes(IndexForm form, int lanes)
    {
        var regular = IndexForm.From(form.Offset, form.Terms.Where(t => !_symbols[t.Symbol].IsVector), form.Lane);
        var start = ToScalar(IndexForm.From(regular.Offset, regular.Terms, SizeExpr.Zero));
        var sum = form.Lane == SizeExpr.Zero
            ? body.Splat(start, lanes)
            : body.Let(new RampExpr(new LaneType(ElementType.I64, lanes), start, BodyMath.Index(form.Lane)));
        foreach (var (symbol, coefficient) in form.Terms.Where(t => _symbols[t.Symbol].IsVector))
        {
            var value = ValueOf(symbol, lanes);
            sum = body.Add(sum, coefficient == SizeExpr.One ? value : body.Mul(value, body.Splat(BodyMath.Index(coefficient), lanes)));
        }

        return sum;
    }

    /// <summary>A form as a value: a scalar if uniform, else lanes.</summary>
    public LoopExpr ToValue(IndexForm form, int lanes)
    {
        OnOpaque?.Invoke(form);
        return IsUniform(form) ? ToScalar(form) : ToLanes(form, lanes);
    }

    /// <summary>
    /// form · factor. Where views of views would multiply large numbers with each other, the form becomes a value first: an index that lies
    /// inside its axis is small, and nothing is read where it lies outside.
    /// </summary>
    public IndexForm Times(IndexForm form, SizeExpr factor, int lanes)
    {
        try
        {
            var product = form * factor;
            if (product.Terms.All(t => AxisAccess.Magnitude(t.Coefficient) < SizeExpr.MaxIndexNumber) && AxisAccess.Magnitude(product.Lane) < SizeExpr.MaxIndexNumber
                && AxisAccess.Magnitude(product.Offset) < SizeExpr.MaxIndexNumber)
            {
                return product;
            }
        }
        catch (OverflowException)
        {
            // As below.
        }

        return IndexForm.Of(SymbolOf(ToValue(form, lanes))) * factor;
    }

    /// <summary>The index of an affine access, from those of the axes that it is made of.</summary>
    public IndexForm Position(AxisAccess access, ValueList<IndexForm> axes, int lanes)
    {
        var form = FormOf(BodyMath.Index(access.Offset));
        foreach (var term in access.Terms)
        {
            form += Times(axes[term.Axis], term.Coefficient, lanes);
        }

        return form;
    }

    private LoopExpr ValueOf(int number, int lanes)
    {
        var symbol = _symbols[number];
        return symbol.Value ?? body.FloorDiv(
            symbol.IsVector ? ToLanes(symbol.Dividend!, lanes) : ToScalar(symbol.Dividend!),
            symbol.IsVector ? body.Splat(BodyMath.Index(symbol.Divisor!), lanes) : BodyMath.Index(symbol.Divisor!));
    }

    private static (IndexForm Quotient, IndexForm Remainder) Split(IndexForm form, SizeExpr by)
    {
        var quotient = IndexForm.Zero;
        foreach (var term in form.Terms)
        {
            if (SizeExpr.TryDivideExactly(term.Coefficient, by) is { } q)
            {
                quotient += IndexForm.Of(term.Symbol) * q;
            }
        }

        if (SizeExpr.TryDivideExactly(form.Lane, by) is { } lane)
        {
            quotient += IndexForm.LaneNumber() * lane;
        }

        if (by.IsConstant)
        {
            // The constant part of the offset is floored, other parts divide or stay.
            var constant = form.Offset.Terms.Where(t => t.Factors.Count == 0).Sum(t => t.Coefficient);
            var symbolic = form.Offset - constant;
            quotient += IndexForm.Of(SizeExpr.FloorDiv(constant, by) + (SizeExpr.TryDivideExactly(symbolic, by) ?? SizeExpr.Zero));
        }
        else if (SizeExpr.TryDivideExactly(form.Offset, by) is { } offset)
        {
            quotient += IndexForm.Of(offset);
        }

        return (quotient, form - (quotient * by));
    }

    private sealed record Symbol(LoopExpr? Value, IndexForm? Dividend, SizeExpr? Divisor, bool IsVector, SizeExpr? Low, SizeExpr? High, bool Vectorised);
}
