using Lepton.Abi;
using Lepton.Embedding;
using Lepton.Graphs;
using Lepton.Placement.Segments;
using Lepton.Runtime;
using Lepton.Runtime.Devices;
using Lepton.Runtime.Files;
using Lepton.Runtime.Tensors;
using Lepton.Tests.CommandLine;
using Lepton.Tests.Runtime;

namespace Lepton.Tests.Embedding;

/// <summary>Parameters that a plan keeps as bf16.</summary>
[Collection(nameof(ConsoleCollection))]
public class PrecisionTests
{
    private const string Text = """
        param w: f32[4, 3] ~ glorot
        param b: f32[3] ~ uniform(-1.0, 1.0)

        fn f(x: f32[B, 4]) -> (y: f32[B, 3]) {
          y = tanh(x @ w) @ transpose(w) @ w + b
        }

        plan for f {
          minimize time when B = 2
          precision bf16 for w
        }
        """;

    private static readonly string Plain = Text.Replace("precision bf16 for w", "", StringComparison.Ordinal);
    private static readonly float[] X = [0.1f, -0.2f, 0.3f, 0.4f, 1, 2, -3, 4];

    [Theory]
    [InlineData("cpu")]
    [InlineData("clr")]
    public void Initialised_and_loaded_values_are_those_of_f32_rounded(string device)
    {
        using var engine = LeptonEngine.Compile(Text, new LeptonOptions { Device = device, UseCache = false });
        using var plain = LeptonEngine.Compile(Plain, new LeptonOptions { Device = device, UseCache = false });
        Assert.Equal((ElementType.BF16, ElementType.F32), (engine["f"].Manifest.Parameters[0].Element, engine["f"].Manifest.Parameters[0].Given));
        Assert.Null(engine["f"].Manifest.Parameters[1].Given);
        using ParameterSet exact = new(), made = new(), loaded = new(), rounded = new();
        exact.Initialize(plain["f"], 3);
        made.Initialize(engine["f"], 3);
        var nearest = exact["w"].AsSpan<float>().ToArray().Select(v => (float)(BFloat16)v).ToArray();
        Assert.NotEqual(exact["w"].AsSpan<float>().ToArray(), nearest);
        Assert.Equal(nearest, made["w"].AsSpan<BFloat16>().ToArray().Select(v => (float)v));
        Assert.Equal(exact["b"].AsSpan<float>().ToArray(), made["b"].AsSpan<float>().ToArray());

        loaded.Set("w", exact["w"]);
        loaded.Set("b", exact["b"]);
        var x = Tensor.From(X, 2, 4);
        var e = Assert.Throws<LeptonArgumentException>(() => engine["f"].Evaluate([x], new RunOptions { Parameters = loaded }));
        Assert.EndsWith("parameter w is bf16, and the tensor given is f32; ParameterSet.StoreFor(entry) rounds it", e.Message);
        loaded.StoreFor(engine["f"]);
        loaded.StoreFor(engine["f"]); // what is rounded stays

        // The program without the plan, of the rounded values.
        rounded.Set("w", Tensor.From(nearest, 4, 3));
        rounded.Set("b", exact["b"]);
        using var expected = plain["f"].Evaluate([x], new RunOptions { Parameters = rounded });
        foreach (var parameters in (ParameterSet[])[made, loaded])
        {
            using var actual = engine["f"].Evaluate([x], new RunOptions { Parameters = parameters });
            Assert.Equal(expected["y"].Dense.AsSpan<float>().ToArray().Select(v => MathF.Round(v, 5)), actual["y"].Dense.AsSpan<float>().ToArray().Select(v => MathF.Round(v, 5)));
        }
    }

    [Fact]
    public void Segments_take_them_as_the_whole_program_does()
    {
        using var engine = LeptonEngine.Compile(Text, new LeptonOptions { Device = "clr" });
        using var parameters = new ParameterSet();
        parameters.Initialize(engine["f"], 3);
        var x = Tensor.From(X, 2, 4);
        using var expected = engine["f"].Evaluate([x], new RunOptions { Parameters = parameters });
        using Device one = new HostDevice("one", "clr", 1), two = new HostDevice("two", "clr", 1);
        using var placed = PlacedEngine.Compile(Text, "f", new Dictionary<string, long> { ["B"] = 2 }, [one, two], fused => [.. SegmentCut.Needed(fused).Select((k, i) => new PlacedGroup(k, i % 2 == 0 ? "one" : "two"))]);
        using var actual = placed.Evaluate([x], new PlacedOptions { Parameters = parameters });
        Assert.Equal(expected["y"].Dense.AsSpan<float>().ToArray().Select(v => MathF.Round(v, 5)), actual["y"].Dense.AsSpan<float>().ToArray().Select(v => MathF.Round(v, 5)));
    }

    [Fact]
    public void Commands_say_so_and_the_interpreter_does_the_same()
    {
        const string Said = "w: rounded to bf16, as a plan of the program says";
        using var folder = new TempFolder();
        File.WriteAllText(folder["p.lep"], Text);
        File.WriteAllText(folder["lab.yaml"], "devices:\n  one: { kind: clr }\n");
        using (var engine = LeptonEngine.Compile(Plain))
        {
            using var exact = new ParameterSet();
            exact.Initialize(engine["f"], 3);
            exact.Save(folder["w.safetensors"]);
        }

        TensorFile.Write(folder["x.npy"], Tensor.From(X, 2, 4));
        string[] run = ["run", folder["p.lep"], "--in", $"x={folder["x.npy"]}", "--params", folder["w.safetensors"]];
        var (code, _, errors) = UsageTests.Run([.. run, "--device", "interpreter", "--out", $"y={folder["y.npy"]}"]);
        Assert.Equal((0, Said + "\n"), (code, errors));
        foreach (var more in (string[][])[["--device", "clr"], ["--device", "cpu"], ["--place", "*=clr:0"]])
        {
            (code, var output, errors) = UsageTests.Run([.. run, "--expect", $"y={folder["y.npy"]}", .. more]);
            Assert.True(code == 0, output + errors);
            Assert.Contains(Said, errors);
        }

        Assert.Contains(Said, UsageTests.Run("explain", folder["p.lep"], "--dim", "B=2").Output);
        Assert.Contains($"precision   {Said}", UsageTests.Run("place", folder["p.lep"], "--machine", folder["lab.yaml"], "--seconds", "0.1").Output);
        Assert.Contains(Said, UsageTests.Run("place", folder["p.lep"], "--machine", folder["lab.yaml"], "--seconds", "0.1", "--json").Output);
        (code, _, errors) = UsageTests.Run("build", folder["p.lep"], "--out", folder["built"]);
        Assert.Equal(0, code);
        Assert.Contains(Said, errors);
        using var module = Lepton.Runtime.Module.Load(folder["built/p.json"]);
        Assert.Equal(ElementType.F32, module["f"].Manifest.Parameters[0].Given);
        Assert.Equal(0, UsageTests.Run("fmt", folder["p.lep"]).Code);
    }

    [Fact]
    public void Graphs_as_text_keep_it()
    {
        var text = GraphText.Print(Lepton.Compiler.Compilation.Of(new Lepton.Language.Text.SourceText("p.lep", Text)).Graph("f"));
        Assert.Contains("= input parameter w ~ glorot from f32 : bf16[4, 3]", text);
        Assert.Equal(text, GraphText.Print(GraphText.Parse(text)));
    }
}
