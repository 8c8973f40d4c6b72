using Lepton.Codegen.Llvm;
using Lepton.Graphs;
using Xunit;

namespace Lepton.Tests.Codegen;

public sealed unsafe class JitTests : IDisposable
{
    private const string Twice = "define i64 @twice(i64 %x) nounwind {\n  %y = shl i64 %x, 1\n  ret i64 %y\n}\n";

    private readonly string _folder = Directory.CreateTempSubdirectory("lepton-jit-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Text_becomes_a_function()
    {
        using var module = JitModule.Compile(Twice, HostCpu.Detect().Target);
        Assert.Equal(84, Call(module, 42));
    }

    [Theory]
    [InlineData("sse2", "xmm", "ymm")]
    [InlineData("avx2", "ymm", "zmm")]
    [InlineData("avx512", "zmm", "no such register")]
    public void A_level_bounds_the_registers_used(string level, string uses, string avoids)
    {
        var target = CpuTarget.Parse(level, out _)!;
        var lanes = target.Lanes(Abi.ElementType.F32);
        var text = ObjectCode.Assembly(
            $"define void @add(ptr %p) {{\n  %v = load <{lanes} x float>, ptr %p\n  %w = fadd <{lanes} x float> %v, %v\n  store <{lanes} x float> %w, ptr %p\n  ret void\n}}\n",
            target);
        Assert.Contains(uses, text);
        Assert.DoesNotContain(avoids, text);
    }

    [Fact]
    public void A_target_that_does_not_exist_is_refused_with_the_names_of_those_that_do()
    {
        Assert.Null(CpuTarget.Parse("pentium9", out var error));
        Assert.Contains("znver4", error);
    }

    [Fact]
    public void What_the_host_lacks_cannot_be_chosen()
    {
        var host = HostCpu.Detect();
        foreach (var name in (string[])["sse2", "avx2", "avx512", "haswell", "znver5", "native"])
        {
            var target = CpuTarget.Parse(name, out _)!;
            var here = target.ForThisHost(out var error);
            if (target.Level > host.Target.Level)
            {
                Assert.Null(here);
                Assert.Contains("not run here", error);
            }
            else
            {
                Assert.All(host.Missing.Split(','), missing => Assert.Contains(missing, here!.Features.Split(',')));
            }
        }
    }

    [Fact]
    public void Text_that_is_not_IR_is_our_bug()
    {
        Assert.Throws<CompilerBugException>(() => ObjectCode.Emit("define i64 @f( {", CpuTarget.Sse2));
        Assert.Throws<CompilerBugException>(() => ObjectCode.Emit("define i64 @f(i1 %c) {\n  br label %a\na:\n  ret i64 %x\n}", CpuTarget.Sse2));
    }

    [Fact]
    public void A_missing_symbol_is_our_bug()
    {
        using var module = JitModule.Compile(Twice, CpuTarget.Sse2);
        Assert.Throws<CompilerBugException>(() => module.Lookup("thrice"));
    }

    [Fact]
    public void The_cache_gives_back_what_it_was_given()
    {
        var cache = new ObjectCache(_folder);
        Assert.Null(cache.Find(Twice, CpuTarget.Sse2));
        cache.Add(Twice, CpuTarget.Sse2, [1, 2, 3]);
        Assert.Equal([1, 2, 3], cache.Find(Twice, CpuTarget.Sse2));
        Assert.Null(cache.Find(Twice, CpuTarget.Avx2));
        Assert.Null(cache.Find(Twice + " ", CpuTarget.Sse2));
        Assert.Equal([1, 2, 3], new ObjectCache(_folder).Find(Twice, CpuTarget.Sse2));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(10)]
    [InlineData(48)]
    [InlineData(50)]
    [InlineData(-1)]
    public void A_damaged_file_is_made_again(int place)
    {
        var cache = new ObjectCache(_folder);
        using (JitModule.Compile(Twice, CpuTarget.Sse2, cache))
        {
        }

        var file = Assert.Single(Directory.GetFiles(_folder));
        var bytes = File.ReadAllBytes(file);
        if (place < 0)
        {
            File.WriteAllBytes(file, bytes[..20]);
        }
        else
        {
            bytes[place] ^= 1;
            File.WriteAllBytes(file, bytes);
        }

        Assert.Null(cache.Find(Twice, CpuTarget.Sse2));
        using var module = JitModule.Compile(Twice, CpuTarget.Sse2, cache);
        Assert.Equal(10, Call(module, 5));
        Assert.NotNull(cache.Find(Twice, CpuTarget.Sse2));
    }

    [Fact]
    public void The_cache_stays_within_its_bound_and_drops_the_oldest()
    {
        var cache = new ObjectCache(_folder, bound: 10_000);
        var code = new byte[1000];
        for (var i = 0; i < 30; i++)
        {
            cache.Add($"text {i}", CpuTarget.Sse2, code);
            Thread.Sleep(2);
        }

        Assert.InRange(Directory.GetFiles(_folder).Sum(f => new FileInfo(f).Length), 1, 11_100);
        Assert.NotNull(cache.Find("text 29", CpuTarget.Sse2));
        Assert.Null(cache.Find("text 0", CpuTarget.Sse2));
    }

    [Fact]
    public void A_folder_that_cannot_be_written_is_no_error()
    {
        var file = Path.Combine(_folder, "a file");
        File.WriteAllText(file, "");
        var cache = new ObjectCache(Path.Combine(file, "below it"));
        using var module = JitModule.Compile(Twice, CpuTarget.Sse2, cache);
        Assert.Equal(6, Call(module, 3));
    }

    [Fact]
    public void An_object_links_into_a_shared_library()
    {
        var (obj, library) = (Path.Combine(_folder, "m.o"), Path.Combine(_folder, "libm.so"));
        File.WriteAllBytes(obj, ObjectCode.Emit(Twice, CpuTarget.Sse2));
        Assert.Null(SharedLibrary.Link(obj, library));
        var handle = System.Runtime.InteropServices.NativeLibrary.Load(library);
        Assert.Equal(8, ((delegate* unmanaged<long, long>)System.Runtime.InteropServices.NativeLibrary.GetExport(handle, "twice"))(4));
        System.Runtime.InteropServices.NativeLibrary.Free(handle);
    }

    [Fact]
    public void Many_threads_compile_at_once()
    {
        Parallel.For(0, 16, i =>
        {
            using var module = JitModule.Compile(Twice.Replace("shl i64 %x, 1", $"add i64 %x, {i}"), HostCpu.Detect().Target);
            Assert.Equal(7 + i, Call(module, 7));
        });
    }

    private static long Call(JitModule module, long x) => ((delegate* unmanaged<long, long>)module.Lookup("twice"))(x);
}
