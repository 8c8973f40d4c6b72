using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Kernels.Loops;

namespace Lepton.Kernels.Building;

/// <summary>
/// Writes the statements of a kernel. Every value is bound by a flat let; the same value is bound once per scope and in the outermost scope in
/// which its variables exist, so what does not change in a loop stands before it. Loads keep inside loops that may not run and inside
/// branches: there they might be outside their buffer. Loads of memory that the kernel writes, and mutable variables, are never moved.
/// </summary>
public sealed class BodyBuilder
{
    private readonly List<Scope> _scopes = [new Scope(0, false)];
    private readonly List<(int Depth, bool Mutable, int Scope)> _variables = [(0, false, 0)];
    private int _nextScope = 1;
    private readonly Func<int, bool> _isWritten;

    /// <param name="isWritten">Whether the kernel writes the buffer of this number.</param>
    public BodyBuilder(Func<int, bool> isWritten) => _isWritten = isWritten;

    /// <summary>The number of the chunk that runs.</summary>
    public static VariableExpr Chunk { get; } = new(LaneType.Index, Kernel.ChunkVariable);

    public int Variables => _variables.Count;

    private Scope Inner => _scopes[^1];

    /// <summary>Binds a value (its parts must be bound already or be atoms) and answers the variable; atoms are answered as they are.</summary>
    public LoopExpr Let(LoopExpr value)
    {
        if (value is NumberExpr or SizeOfExpr or VariableExpr)
        {
            return value;
        }

        var (depth, pinned) = Place(value);
        if (pinned)
        {
            return Append(value, _scopes.Count - 1);
        }

        for (var i = _scopes.Count - 1; i >= depth; i--)
        {
            if (_scopes[i].Lets.TryGetValue(value, out var bound))
            {
                return bound;
            }
        }

        var variable = Append(value, depth);
        _scopes[depth].Lets.Add(value, variable);
        return variable;
    }

    /// <summary>A mutable variable.</summary>
    public VariableExpr Declare(LoopExpr initial)
    {
        var variable = NewVariable(initial.Type, _scopes.Count - 1, mutable: true);
        Inner.Statements.Add(new DeclareStatement(variable.Variable, initial));
        return variable;
    }

    public void Assign(VariableExpr variable, LoopExpr value) => Inner.Statements.Add(new AssignStatement(variable.Variable, value));

    /// <summary>A mutable variable's present value, bound so that later assignments do not change it.</summary>
    public LoopExpr Read(VariableExpr variable) => Append(variable, _scopes.Count - 1);

    /// <param name="mayBeEmpty">Whether the loop may not run at all; loads then stay inside.</param>
    public void For(LoopExpr from, LoopExpr to, long step, bool mayBeEmpty, Action<VariableExpr> body, bool unroll = false)
    {
        var variable = NewVariable(LaneType.Index, _scopes.Count, mutable: false);
        var statements = Within(mayBeEmpty, () => body(variable));
        if (statements.Count > 0)
        {
            Inner.Statements.Add(new ForStatement(variable.Variable, from, to, step, statements, unroll));
        }
    }

    /// <param name="head">Emits what the condition needs and answers it.</param>
    public void While(Func<LoopExpr> head, Action body)
    {
        LoopExpr? condition = null;
        ValueList<LoopStatement> inside = [];
        var before = Within(true, () =>
        {
            condition = head();
            inside = Within(true, body);
        });
        Inner.Statements.Add(new WhileStatement(before, condition!, inside));
    }

    public void If(LoopExpr condition, Action then, Action? otherwise = null)
    {
        var yes = Within(true, then);
        var no = otherwise is null ? [] : Within(true, otherwise);
        Inner.Statements.Add(new IfStatement(condition, yes, no));
    }

    public void Store(int buffer, LoopExpr index, LoopExpr value, LoopExpr? stride = null, LoopExpr? mask = null, bool stream = false) =>
        Inner.Statements.Add(new StoreStatement(buffer, index, value, stride, mask, stream));

    /// <summary>Adds a statement as it is, in the innermost scope.</summary>
    public void Add(LoopStatement statement) => Inner.Statements.Add(statement);

    /// <summary>Adds a check: as far out as the values that it uses, and the loops that may not run, let it stand.</summary>
    public void AddCheck(LoopStatement statement, params ReadOnlySpan<LoopExpr> uses)
    {
        var (depth, pinned) = Union(uses);
        var at = _scopes.Count - 1;
        while (!pinned && at > depth && !_scopes[at].Barrier)
        {
            at--;
        }

        _scopes[at].Statements.Add(statement);
    }

    /// <summary>Runs <paramref name="emit"/> in a scope of its own and answers what it wrote.</summary>
    public ValueList<LoopStatement> Within(bool barrier, Action emit)
    {
        _scopes.Add(new Scope(_nextScope++, barrier));
        emit();
        var scope = _scopes[^1];
        _scopes.RemoveAt(_scopes.Count - 1);
        return scope.Statements.ToValueList();
    }

    /// <summary>The statements of the whole kernel.</summary>
    public ValueList<LoopStatement> Finish() =>
        _scopes.Count == 1 ? Inner.Statements.ToValueList() : throw new CompilerBugException("kernels", "a scope is still open");

    /// <summary>The value of a node at coordinates, if it was remembered and is still visible.</summary>
    internal LoopExpr? Recall(NodeId node, Coords at)
    {
        for (var i = _scopes.Count - 1; i >= 0; i--)
        {
            if (_scopes[i].Values.TryGetValue((node, at), out var value))
            {
                return value;
            }
        }

        return null;
    }

    /// <summary>Remembers a node's value for as long as its variable is visible.</summary>
    /// <param name="onlyHere">The value holds in the innermost scope alone, wherever its variable is visible: something was assumed for it.</param>
    internal void Remember(NodeId node, Coords at, LoopExpr value, bool onlyHere)
    {
        _scopes[onlyHere ? _scopes.Count - 1 : DepthOf(value)].Values[(node, at)] = value;
    }

    /// <summary>The number of the scope in which a bound value lives; 0 is the kernel's.</summary>
    internal int DepthOf(LoopExpr atom) => atom is VariableExpr v ? _variables[v.Variable].Depth : 0;

    /// <summary>Whether a bound value may be used where code is written now.</summary>
    internal bool IsVisible(LoopExpr atom) => 
        atom is not VariableExpr v || (_variables[v.Variable] is var (depth, _, scope) && depth < _scopes.Count && _scopes[depth].Number == scope);

    private VariableExpr Append(LoopExpr value, int depth)
    {
        var variable = NewVariable(value.Type, depth, mutable: false);
        _scopes[depth].Statements.Add(new LetStatement(variable.Variable, value));
        return variable;
    }

    private VariableExpr NewVariable(LaneType type, int depth, bool mutable)
    {
        // A loop's counter is made just before its scope is opened.
        _variables.Add((depth, mutable, depth < _scopes.Count ? _scopes[depth].Number : _nextScope));
        return new VariableExpr(type, _variables.Count - 1);
    }

    private (int Depth, bool Pinned) Place(LoopExpr value)
    {
        switch (value)
        {
            case NumberExpr or SizeOfExpr:
                return (0, false);
            case VariableExpr v:
                return (_variables[v.Variable].Depth, _variables[v.Variable].Mutable);
            case MapExpr m:
                return Union(m.Arguments.Span);
            case FmaExpr f:
                return Union([f.A, f.B, f.C]);
            case BitExpr b:
                return Union(b.Arguments.Span);
            case ReinterpretExpr r:
                return Place(r.Value);
            case DotExpr d:
                return Union([d.A, d.B, d.C]);
            case SplatExpr s:
                return Place(s.Value);
            case RampExpr r:
                return Union([r.Base, r.Step]);
            case LaneReduceExpr r:
                return Place(r.Vector);
            case LaneExpr l:
                return Place(l.Vector);
            case ShuffleExpr s:
                return Union([s.A, s.B]);
            case LoadExpr l:
                return Memory(l.Buffer, Union([l.Index, l.Stride ?? l.Index, l.Mask ?? l.Index]));
            case GatherExpr g:
                return Memory(g.Buffer, Union([g.Indices, g.Mask ?? g.Indices]));
            default:
                throw new CompilerBugException("kernels", $"{value.GetType().Name} has no place");
        }
    }

    private (int Depth, bool Pinned) Union(ReadOnlySpan<LoopExpr> parts)
    {
        var (depth, pinned) = (0, false);
        foreach (var part in parts)
        {
            var (d, p) = Place(part);
            (depth, pinned) = (Math.Max(depth, d), pinned || p);
        }

        return (depth, pinned);
    }

    private (int Depth, bool Pinned) Memory(int buffer, (int Depth, bool Pinned) index)
    {
        var depth = _scopes.Count - 1;
        while (depth > index.Depth && !_scopes[depth].Barrier)
        {
            depth--;
        }

        return (depth, index.Pinned || _isWritten(buffer));
    }

    private sealed class Scope(int number, bool barrier)
    {
        public int Number { get; } = number;

        public bool Barrier { get; } = barrier;

        public List<LoopStatement> Statements { get; } = [];

        public Dictionary<LoopExpr, VariableExpr> Lets { get; } = [];

        public Dictionary<(NodeId Node, Coords At), LoopExpr> Values { get; } = [];
    }
}
