using System.Buffers.Binary;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Kernels;
using Lepton.Kernels.Loops;

namespace Lepton.Codegen.Llvm.Emit;

/// <summary>
/// <c>lep_ENTRY_prepared</c>: the size of the prepared block, its key, and the arena that making it needs. The key is made of all that decides what is in the block, so that
/// code made for several sizes of a call, and several entries, find the block of the others:
/// <code>
/// key = mix(hash of the kernels and statements that prepare, with the names of the parameters and the bytes of the constants; the sizes in them)
/// </code>
/// </summary>
internal static class PreparedCode
{
    internal const long Odd = unchecked((long)0x9E3779B97F4A7C15);

    public static string Define(KernelModule module, EntryProgram program)
    {
        var text = new FunctionText();
        var dims = program.Manifest.Dims.Select((name, i) => (name, i)).ToDictionary(d => d.name, d => d.i);
        var total = "0";
        if (program.Prepared.Count > 0)
        {
            var size = new SizeCode(text, Dim);
            foreach (var buffer in program.Prepared)
            {
                total = text.Value($"add i64 {total}, {HostCode.Rounded(text, size.Value(buffer))}");
            }

            var (write, done) = (text.NewLabel("write"), text.NewLabel("done"));
            text.Line($"br i1 {text.Value("icmp eq ptr %facts, null")}, label %{done}, label %{write}");
            text.Label(write);
            var facts = new Facts(module, program);
            var key = facts.Hash().ToString(CultureInfo.InvariantCulture);
            foreach (var name in facts.Dims)
            {
                key = text.Value($"mul i64 {text.Value($"xor i64 {key}, {Dim(name)}")}, {Odd}");
                key = text.Value($"xor i64 {key}, {text.Value($"lshr i64 {key}, 29")}");
            }

            text.Line($"store i64 {key}, ptr %facts");
            var arena = program.PrepareArena.Aggregate("0", (sum, b) => text.Value($"add i64 {sum}, {HostCode.Rounded(text, size.Value(b))}"));
            text.Line($"store i64 {arena}, ptr {text.Value("getelementptr i64, ptr %facts, i64 1")}");
            text.FallInto(done);
        }

        text.Line($"ret i64 {total}");
        return text.Define($"i64 @{program.Manifest.Symbol}_prepared(ptr %dims, ptr %facts)");

        string Dim(string name) => text.Value($"load i64, ptr {text.Value($"getelementptr i64, ptr %dims, i64 {dims[name]}")}");
    }

    /// <summary>What decides the contents, as text, and the sizes that it leaves open. Where the arena's buffers lie does not.</summary>
    internal sealed class Facts : HostStatementVisitor
    {
        private readonly KernelModule _module;
        private readonly EntryProgram _program;
        private readonly StringBuilder _text = new();
        private readonly HashSet<string> _sizes = [];
        private readonly Dictionary<int, int> _slots = [];

        public Facts(KernelModule module, EntryProgram program)
        {
            (_module, _program) = (module, program);
            foreach (var size in program.Prepared)
            {
                Size(size);
            }

            Body(program.Prepare);
        }

        public IEnumerable<string> Dims => _program.Manifest.Dims.Where(_sizes.Contains);

        public long Hash() => BinaryPrimitives.ReadInt64LittleEndian(SHA256.HashData(Encoding.UTF8.GetBytes(_text.ToString())));

        public override void Visit(Launch statement)
        {
            var kernel = _module.Kernels[statement.Kernel];
            _text.Append(LoopText.Print(kernel));
            _sizes.UnionWith(KernelCode.SizeVariables(kernel));
            foreach (var place in statement.Buffers)
            {
                Place(place);
            }
        }

        public override void Visit(Copy statement)
        {
            _text.Append("copy\n");
            Size(statement.Bytes);
            Place(statement.From);
            Place(statement.To);
        }

        public override void Visit(HostLoop statement)
        {
            _text.Append($"loop {statement.Counter}\n");
            Size(statement.Count);
            Body(statement.Body);
            if (statement.Until is { } until)
            {
                _text.Append("until\n");
                Place(until);
            }

            _text.Append("end\n");
        }

        public override void Visit(SetPointer statement)
        {
            _text.Append($"pointer {statement.Pointer}\n");
            Place(statement.Place);
        }

        public override void Visit(SwapPointers statement) => _text.Append($"swap {statement.First} {statement.Second}\n");

        public override void Visit(AllocateLate statement) => throw Late();

        public override void Visit(ReadSize statement) => throw Late();

        public override void Visit(GiveArray statement) => throw Late();

        private void Body(ValueList<HostStatement> body)
        {
            foreach (var statement in body)
            {
                statement.Accept(this);
            }
        }

        private static CompilerBugException Late() => new("llvm", "what is prepared has sizes that are known before");

        private void Size(SizeExpr size)
        {
            _text.Append($"size {size}\n");
            _sizes.UnionWith(size.Variables());
        }

        private void Place(BufferRef place)
        {
            var what = place.Kind switch
            {
                BufferKind.Tensor => _program.NativeName(place.Number),
                BufferKind.Constant => Convert.ToHexString(SHA256.HashData(_module.Constants[place.Number].Bytes)),
                BufferKind.Arena => (_slots.TryGetValue(place.Number, out var known) ? known : _slots[place.Number] = _slots.Count)
                    .ToString(CultureInfo.InvariantCulture),
                _ => place.Number.ToString(CultureInfo.InvariantCulture),
            };
            _text.Append($"{place.Kind} {what}\n");
            Size(place.Offset);
        }
    }
}
