using System.Reflection.Emit;

namespace Lepton.Codegen.Clr.Emit;

/// <summary>
/// Writes nodes as IL. What is used twice by the roots that are written together goes to a local; everything else stays on the evaluation stack, as
/// trees, which is what the JIT likes best and keeps the locals few.
/// </summary>
internal sealed class IlWriter(ILGenerator il)
{
    private readonly Dictionary<Type, Stack<LocalBuilder>> _free = [];
    private readonly List<List<LocalBuilder>> _blocks = [[]];
    private Dictionary<Node, int> _uses = [];
    private Dictionary<Node, LocalBuilder> _known = [];

    public ILGenerator Il { get; } = il;

    /// <summary>Leaves the value on the stack.</summary>
    public void Push(Node root) => Together([root], () => Emit(root));

    /// <summary>Pushes the values one after the other, and calls <paramref name="after"/> behind each.</summary>
    public void Push(IReadOnlyList<Node> roots, Action<int>? after = null) => Together(roots, () =>
    {
        for (var i = 0; i < roots.Count; i++)
        {
            Emit(roots[i]);
            after?.Invoke(i);
        }
    });

    /// <summary>The values in locals, so that they can be used later and as often as wanted. Constants stay what they are.</summary>
    public Node[] Bind(IReadOnlyList<Node> values)
    {
        var bound = new Node[values.Count];
        var locals = values.Select(v => v.IsFree && !v.IsMutable ? null : NewLocal(v.Type)).ToArray();
        Together(values, () =>
        {
            for (var i = 0; i < bound.Length; i++)
            {
                bound[i] = values[i];
                if (locals[i] is { } local)
                {
                    Emit(values[i]);
                    Il.Emit(OpCodes.Stloc, local);
                    bound[i] = Node.Local(local);
                }
            }
        });
        return bound;
    }

    public Node Bind(Node value) => Bind([value])[0];

    /// <summary>head: …  if (!condition) goto done;  body;  goto head;  done:</summary>
    public void While(Action head, Func<Node> condition, Action body) => Block(() =>
    {
        var (again, done) = (Il.DefineLabel(), Il.DefineLabel());
        Il.MarkLabel(again);
        head();
        Push(condition());
        Il.Emit(OpCodes.Brfalse, done);
        body();
        Il.Emit(OpCodes.Br, again);
        Il.MarkLabel(done);
    });

    /// <param name="condition">A bool.</param>
    /// <param name="then">Writes what is done where it holds.</param>
    /// <param name="otherwise">And where it does not; null: nothing.</param>
    public void If(Node condition, Action then, Action? otherwise)
    {
        var (not, done) = (Il.DefineLabel(), Il.DefineLabel());
        Push(condition);
        Il.Emit(OpCodes.Brfalse, not);
        then();
        if (otherwise is not null)
        {
            Il.Emit(OpCodes.Br, done);
        }

        Il.MarkLabel(not);
        otherwise?.Invoke();
        Il.MarkLabel(done);
    }

    /// <summary>A local that is free again when the block ends.</summary>
    public LocalBuilder NewLocal(Type type)
    {
        var local = _free.TryGetValue(type, out var free) && free.Count > 0 ? free.Pop() : Il.DeclareLocal(type);
        _blocks[^1].Add(local);
        return local;
    }

    public void Block(Action body)
    {
        _blocks.Add([]);
        body();
        foreach (var local in _blocks[^1])
        {
            if (!_free.TryGetValue(local.LocalType, out var free))
            {
                _free[local.LocalType] = free = [];
            }

            free.Push(local);
        }

        _blocks.RemoveAt(_blocks.Count - 1);
    }

    /// <summary>From within a node: writes a part of it that does not always run. What it computes is not known behind it.</summary>
    public void Branch(Node value)
    {
        var outside = _known;
        _known = new Dictionary<Node, LocalBuilder>(outside);
        Emit(value);
        _known = outside;
    }

    private void Together(IReadOnlyList<Node> roots, Action write)
    {
        var (uses, known) = (_uses, _known);
        (_uses, _known) = ([], []);
        foreach (var root in roots)
        {
            Count(root);
        }

        write();
        (_uses, _known) = (uses, known);
    }

    // Each node's operands are counted once, however many ways lead to it.
    private void Count(Node root)
    {
        var open = new Stack<Node>([root]);
        while (open.TryPop(out var node))
        {
            ref var count = ref System.Runtime.InteropServices.CollectionsMarshal.GetValueRefOrAddDefault(_uses, node, out var seen);
            count++;
            if (!seen)
            {
                foreach (var operand in node.Operands.Concat(node.Branches))
                {
                    open.Push(operand);
                }
            }
        }
    }

    private void Emit(Node node)
    {
        if (_known.TryGetValue(node, out var local))
        {
            Il.Emit(OpCodes.Ldloc, local);
            return;
        }

        foreach (var operand in node.Operands)
        {
            Emit(operand);
        }

        node.Last(this);
        if (!node.IsFree && _uses[node] > 1)
        {
            local = NewLocal(node.Type);
            Il.Emit(OpCodes.Dup);
            Il.Emit(OpCodes.Stloc, local);
            _known[node] = local;
        }
    }
}
