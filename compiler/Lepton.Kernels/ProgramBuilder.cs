using System.Buffers.Binary;
using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Kernels.Loops;
using Lepton.Kernels.Scheduling;

namespace Lepton.Kernels;

/// <summary>
/// The module and the host program in the making. Arena buffers are numbered one by one here, without sharing; <see cref="ArenaPlanner"/> puts
/// them into slots.
/// </summary>
public sealed class ProgramBuilder
{
    private readonly List<Kernel> _kernels = [];
    private readonly Dictionary<string, int> _kernelNumbers = [];
    private readonly List<ConstantData> _constants = [];
    private readonly Dictionary<ConstantNode, int> _constantNumbers = [];
    private readonly HashSet<string> _names = [];
    private readonly Dictionary<string, ScheduleUse> _uses = [];
    private readonly Dictionary<(SizeExpr, SizeExpr, SizeExpr), (SizeExpr, SizeExpr, SizeExpr)> _cuts = [];
    private readonly List<SizeExpr> _buffers = [];
    private readonly List<SizeExpr> _prepared = [];
    private readonly HashSet<string> _late = []; // sizes that the run reads
    private List<HostStatement> _statements = [];
    private List<HostStatement> _prepare = [];
    private List<HostStatement>? _beforeLoop;
    private int _counters;

    public IReadOnlyList<Kernel> Kernels => _kernels;

    public IReadOnlyList<ConstantData> Constants => _constants;

    /// <summary>The kernels that a schedule was asked for, each key once.</summary>
    public IEnumerable<ScheduleUse> Uses => _uses.Values;

    /// <summary>Bytes of each arena buffer of the entry.</summary>
    public IReadOnlyList<SizeExpr> Buffers => _buffers;

    /// <summary>Bytes of each prepared buffer of the entry.</summary>
    public IReadOnlyList<SizeExpr> Prepared => _prepared;

    public int Pointers { get; private set; }

    /// <summary>The fusion group of the entry that is lowered now: launches are made for it.</summary>
    public string Group { get; set; } = "";

    /// <summary>Starts a new entry; kernels and constants go on.</summary>
    public void StartEntry()
    {
        _buffers.Clear();
        _prepared.Clear();
        _late.Clear();
        (_statements, _prepare, _beforeLoop) = ([], [], null);
        (Pointers, _counters, Group) = (0, 0, "");
    }

    public string UniqueName(string wanted)
    {
        var name = wanted;
        for (var i = 1; !_names.Add(name); i++)
        {
            name = $"{wanted}_{i}";
        }

        return name;
    }

    /// <summary>The number of a kernel. Kernels that differ in names alone are one: layers of one shape are translated once.</summary>
    public int AddKernel(Kernel kernel)
    {
        var text = LoopText.Print(kernel with
        {
            Name = "",
            Buffers = kernel.Buffers.Select(b => b with { Name = "" }).ToValueList(),
            Locals = kernel.Locals.Select(l => l with { Name = "" }).ToValueList(),
        });
        if (!_kernelNumbers.TryGetValue(text, out var number))
        {
            number = _kernels.Count;
            _kernelNumbers.Add(text, number);
            _kernels.Add(kernel);
        }

        return number;
    }

    public void Note(ScheduleUse use) => _uses.TryAdd(use.Key, use);

    public void Add(HostStatement statement)
    {
        _statements.Add(statement);
        if (statement is ReadSize { Size: var name })
        {
            _late.Add(name);
        }
    }

    /// <summary>What <paramref name="emit"/> adds, as a list of its own: the steps of a loop.</summary>
    public ValueList<HostStatement> Within(Action emit)
    {
        var (outer, before) = (_statements, _beforeLoop);
        (_statements, _beforeLoop) = ([], outer);
        emit();
        var inner = _statements;
        (_statements, _beforeLoop) = (outer, before);
        return inner.ToValueList();
    }

    /// <summary>What <paramref name="emit"/> adds runs before the loop whose steps are being listed.</summary>
    public void BeforeLoop(Action emit)
    {
        var (inner, before) = (_statements, _beforeLoop);
        (_statements, _beforeLoop) = (before ?? throw new CompilerBugException("kernels", "there is no loop to stand before"), null);
        emit();
        (_statements, _beforeLoop) = (inner, before);
    }

    /// <summary>Whether what is added now runs once for a set of parameters.</summary>
    public bool IsPreparing => ReferenceEquals(_statements, _prepare);

    /// <summary>What <paramref name="emit"/> adds runs once for a set of parameters, before the entry's first run, from whatever loop this is asked for.</summary>
    public void InPrepare(Action emit)
    {
        var outer = _statements;
        _statements = _prepare;
        emit();
        _statements = outer;
    }

    /// <summary>The statements of each run since <see cref="StartEntry"/>.</summary>
    public ValueList<HostStatement> Statements() => _statements.ToValueList();

    /// <summary>The statements that run once.</summary>
    public ValueList<HostStatement> PrepareStatements() => _prepare.ToValueList();

    /// <summary>Memory of the run; of what runs once, memory that is kept: a run may read it too, and where none does <see cref="ArenaPlanner"/> moves it.</summary>
    public BufferRef Allocate(SizeExpr bytes)
    {
        if (IsPreparing)
        {
            return AllocatePrepared(bytes);
        }

        _buffers.Add(bytes);
        return new BufferRef(BufferKind.Arena, _buffers.Count - 1, SizeExpr.Zero);
    }

    /// <summary>Whether a size is not known before the run.</summary>
    public bool IsLate(SizeExpr size) => size.Variables().Any(v => IsCounter(v) || _late.Contains(v));

    /// <summary>Memory from the host, from here to the end of the run.</summary>
    public BufferRef AllocateLate(SizeExpr bytes)
    {
        var pointer = NewPointer();
        Add(new AllocateLate(pointer, bytes));
        return new BufferRef(BufferKind.Pointer, pointer, SizeExpr.Zero);
    }

    /// <summary>Memory that keeps what was prepared.</summary>
    public BufferRef AllocatePrepared(SizeExpr bytes)
    {
        _prepared.Add(bytes);
        return new BufferRef(BufferKind.Prepared, _prepared.Count - 1, SizeExpr.Zero);
    }

    public int NewPointer() => Pointers++;

    /// <summary>A size variable that no program can name.</summary>
    public string NewCounter() => $"${_counters++}";

    public static bool IsCounter(string variable) => variable.StartsWith('$');

    /// <summary>
    /// How rows × inner elements are cut into chunks of about block elements: many short rows go together, a long row is cut into pieces. No
    /// chunks when there is nothing to do. Kept, since the same sizes come again and again.
    /// </summary>
    public (SizeExpr Pieces, SizeExpr RowsPerChunk, SizeExpr RowChunks) Cut(SizeExpr rows, SizeExpr inner, SizeExpr block)
    {
        if (!_cuts.TryGetValue((rows, inner, block), out var cut))
        {
            var rowsPerChunk = SizeExpr.Max(SizeExpr.One, SizeExpr.FloorDiv(block, SizeExpr.Max(inner, SizeExpr.One)));
            cut = (SizeExpr.CeilDiv(inner, block), rowsPerChunk, SizeExpr.CeilDiv(rows, rowsPerChunk));
            _cuts.Add((rows, inner, block), cut);
        }

        return cut;
    }

    /// <summary>The memory of given numbers; the same numbers are kept once.</summary>
    public BufferRef Constant(ConstantNode node)
    {
        if (!_constantNumbers.TryGetValue(node, out var number))
        {
            number = _constants.Count;
            _constants.Add(new ConstantData($"constant_{number}", node.Type.Element, ToBytes(node)));
            _constantNumbers.Add(node, number);
        }

        return new BufferRef(BufferKind.Constant, number, SizeExpr.Zero);
    }

    private static byte[] ToBytes(ConstantNode node)
    {
        var width = node.Type.Element.ByteSize();
        var bytes = new byte[checked(node.Values.Count * width)];
        for (var i = 0; i < node.Values.Count; i++)
        {
            var value = node.Values[i];
            var at = bytes.AsSpan(i * width);
            switch (node.Type.Element)
            {
                case ElementType.F64:
                    BinaryPrimitives.WriteDoubleLittleEndian(at, value.AsDouble);
                    break;
                case ElementType.F32:
                    BinaryPrimitives.WriteSingleLittleEndian(at, (float)value.AsDouble);
                    break;
                case ElementType.F16:
                    BinaryPrimitives.WriteHalfLittleEndian(at, (Half)value.AsDouble);
                    break;
                case ElementType.BF16:
                    BinaryPrimitives.WriteUInt16LittleEndian(at, (ushort)(BitConverter.SingleToUInt32Bits((float)value.AsDouble) >> 16));
                    break;
                case ElementType.I64:
                    BinaryPrimitives.WriteInt64LittleEndian(at, value.Bits);
                    break;
                case ElementType.I32:
                    BinaryPrimitives.WriteInt32LittleEndian(at, (int)value.Bits);
                    break;
                case ElementType.I16:
                    BinaryPrimitives.WriteInt16LittleEndian(at, (short)value.Bits);
                    break;
                default:
                    at[0] = (byte)value.Bits;
                    break;
            }
        }

        return bytes;
    }
}
