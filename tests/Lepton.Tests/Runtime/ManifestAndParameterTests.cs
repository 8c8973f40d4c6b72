using System.Text;
using Lepton.Abi;
using Lepton.Runtime;
using Lepton.Runtime.Tensors;
using Xunit;

namespace Lepton.Tests.Runtime;

public sealed class ManifestAndParameterTests(NativeFixture native) : IClassFixture<NativeFixture>
{
    [Fact]
    public void A_manifest_is_read_back_as_it_was_written()
    {
        var n = SizeExpr.Variable("N");
        var sparse = NativeFixture.F32("s", "N", "N") with { Format = TensorFormat.Bsr(4, 2).WithFill(Scalar.Float(ElementType.F32, double.NegativeInfinity)) with { Index = ElementType.I64 } };
        var manifest = NativeFixture.Manifest with
        {
            Entries = [.. NativeFixture.Manifest.Entries, NativeFixture.Entry("more", ["N"], [NativeFixture.F32("x\"", "2*N + floordiv(N, 2)")], [sparse], [])
                with { Constraints = [new(n, 3, true, "because"), new(n * n, n, false, "")] }],
        };
        Assert.Equal(manifest, ManifestJson.Read(ManifestJson.Write(manifest)));
    }

    [Theory]
    [InlineData("\"format\": 3", "\"format\": 9", "format 9")]
    [InlineData("\"format\": 3", "\"format\": 2.5", "$.format is not an integer")]
    [InlineData("\"format\": 3", "\"form\": 2", "no $.format")]
    [InlineData("\"entries\": [", "\"entries\": 3, \"x\": [", "$.entries is not a list")]
    [InlineData("\"f32\"", "\"f33\"", "element is not an element type")]
    [InlineData("\"symbol\": \"lep_affine\"", "\"symbol\": 3", "$.entries[0].symbol is not a string")]
    [InlineData("\"dims\": [\n        \"N\"\n", "\"dims\": [\n        7\n", "$.entries[0].dims[0] is not a string")]
    [InlineData("\"shape\": [\n            \"N\"", "\"shape\": [\n            \"N +\"", "shape[0] is not a size")]
    [InlineData("\"text\": ", "\"txt\": ", "no $.entries[1].sites[0].text")]
    [InlineData("\"kind\": \"Dense\"", "\"kind\": \"Sparse\"", "arguments[0].storage.levels[0].kind is not one of Dense, Compressed, Singleton")]
    [InlineData("\"axis\": 1", "\"axis\": 2", "arguments[0].storage is not a format of its tensor")]
    public void A_damaged_manifest_is_refused_by_the_name_of_the_member(string from, string to, string message)
    {
        var text = Encoding.UTF8.GetString(ManifestJson.Write(NativeFixture.Manifest)).ReplaceLineEndings("\n");
        var at = text.IndexOf(from, StringComparison.Ordinal);
        Assert.True(at >= 0);
        var changed = text[..at] + to + text[(at + from.Length)..];
        Assert.Contains(message, Assert.Throws<ModuleLoadException>(() => ManifestJson.Read(Encoding.UTF8.GetBytes(changed))).Message);
    }

    [Fact]
    public void A_manifest_that_contradicts_itself_is_refused()
    {
        var entry = NativeFixture.Manifest.Entries[0];
        Assert.Contains("not among", Load(entry with { Dims = ["M"] }));
        Assert.Contains("twice", Load(entry with { Dims = ["N", "N"] }));
        Assert.Contains("two entries", Load(entry, entry));

        static string Load(params EntryManifest[] entries) => Assert.Throws<ModuleLoadException>(() => Module.FromAddresses(
            NativeFixture.Manifest with { Entries = entries.ToValueList() }, _ => 1, null)).Message;
    }

    [Fact]
    public void Parameters_come_from_arrays_and_files()
    {
        using var folder = new TempFolder();
        using var module = native.Load();
        var entry = module["dense"];
        Assert.Contains("parameter w has no value", Assert.Throws<LeptonArgumentException>(() => Run(null)).Message);

        using var set = new ParameterSet();
        set.Set("w", Tensor.From([1f, 10, 100], 3, 1));
        Assert.Equal([321], Run(set));
        set.Set("w", Tensor.From([1f, 1, 1], 3, 1)); // a new value is seen by the next run
        Assert.Equal([6], Run(set));
        set.Save(folder["p.safetensors"]);
        using (var loaded = ParameterSet.Load(folder["p.safetensors"]))
        {
            Assert.Equal([6], Run(loaded));
        }

        set.Set("w", Tensor.From([1f, 1], 2, 1));
        Assert.Contains("parameter w has shape [2, 1]: expected 3 on axis 0", Assert.Throws<LeptonArgumentException>(() => Run(set)).Message);

        float[] Run(ParameterSet? parameters)
        {
            using var y = entry.Run([Tensor.From([1f, 2, 3], 1, 3)], new RunOptions { Parameters = parameters })[0];
            return y.AsSpan<float>().ToArray();
        }
    }

    [Fact]
    public void Initial_values_depend_on_seed_and_name_alone_and_have_their_distribution()
    {
        using var module = native.Load();
        var sizes = new Dictionary<string, long> { ["D"] = 300, ["H"] = 100 };
        var first = Make("glorot", "w", 1);
        Assert.Equal(first, Make("glorot", "w", 1));
        Assert.NotEqual(first, Make("glorot", "w", 2));
        Assert.NotEqual(first, Make("glorot", "v", 1));
        Moments(first, 0, Math.Sqrt(2.0 / 400)); // uniform in ±a has deviation a/sqrt(3)
        Moments(Make("he", "w", 1), 0, Math.Sqrt(2.0 / 300));
        Moments(Make("normal(3, 0.5)", "w", 1), 3, 0.5);
        Moments(Make("normal", "w", 1), 0, 1);
        Moments(Make("uniform(-1, 3)", "w", 1), 1, 4 / Math.Sqrt(12));
        Assert.All(Make("uniform", "w", 1), v => Assert.InRange(v, 0, 1));
        Assert.All(Make("zeros", "w", 1), v => Assert.Equal(0, v));
        Assert.All(Make("ones", "w", 1), v => Assert.Equal(1, v));
        Assert.All(Make("-0.5", "w", 1), v => Assert.Equal(-0.5f, v));
        Assert.Contains("no initialiser magic", Assert.Throws<LeptonArgumentException>(() => Make("magic", "w", 1)).Message);
        Assert.Contains("no initialiser normal(x)", Assert.Throws<LeptonArgumentException>(() => Make("normal(x)", "w", 1)).Message);

        using var set = new ParameterSet();
        Assert.Contains("size D", Assert.Throws<LeptonArgumentException>(() => set.Initialize(module["dense"], 1)).Message);
        set.Initialize(module["dense"], 1, sizes);
        var made = set["w"];
        set.Initialize(module["dense"], 2, sizes); // has a value already
        Assert.Same(made, set["w"]);

        float[] Make(string initializer, string name, ulong seed)
        {
            using var tensor = ParameterInitializer.Make(
                NativeFixture.F32(name, "D", "H") with { Initializer = initializer }, d => sizes[d], seed);
            return tensor.AsSpan<float>().ToArray();
        }

        static void Moments(float[] values, double mean, double deviation)
        {
            var average = values.Average(v => (double)v);
            Assert.InRange(average, mean - (0.03 * deviation), mean + (0.03 * deviation));
            Assert.InRange(Math.Sqrt(values.Average(v => Math.Pow(v - average, 2))), 0.97 * deviation, 1.03 * deviation);
        }
    }
}
