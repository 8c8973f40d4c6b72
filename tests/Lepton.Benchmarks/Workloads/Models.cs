using Lepton.Benchmarks.Contenders;
using Lepton.Embedding;

namespace Lepton.Benchmarks.Workloads;

/// <summary>Whole models, from models/*.lep; the ONNX models do the same with the operators made for it.</summary>
internal static class Models
{
    public static Workload ResNet18()
    {
        var input = new Input("x", [1, 3, 224, 224], -2, 2);
        return Make("resnet18", "ResNet-18, batch 1", 0.9, 1e-4, input, [1, 1000], data =>
        {
            var m = Graph(Parameters("resnet18"), input, [1, 1000], data);
            ConvolutionNorm(m, "x", "conv1", "bn1", "stem", 2, 3);
            m.Node("Relu", ["stem"], "stem.relu")
                .Node("MaxPool", ["stem.relu"], "layer0", ("kernel_shape", [3, 3], true), ("strides", [2, 2], true), ("pads", [1, 1, 1, 1], true));
            var last = "layer0";
            for (var layer = 1; layer <= 4; layer++)
            {
                for (var block = 0; block < 2; block++)
                {
                    var name = $"layer{layer}_{block}";
                    var (narrows, shortcut) = (layer > 1 && block == 0, last);
                    ConvolutionNorm(m, last, $"{name}_conv1", $"{name}_bn1", $"{name}.a", narrows ? 2 : 1, 1);
                    m.Node("Relu", [$"{name}.a"], $"{name}.b");
                    ConvolutionNorm(m, $"{name}.b", $"{name}_conv2", $"{name}_bn2", $"{name}.c", 1, 1);
                    if (narrows)
                    {
                        shortcut = $"{name}.d";
                        ConvolutionNorm(m, last, $"{name}_down", $"{name}_down_bn", shortcut, 2, 0);
                    }

                    m.Node("Add", [$"{name}.c", shortcut], $"{name}.e").Node("Relu", [$"{name}.e"], name);
                    last = name;
                }
            }

            return m.Node("GlobalAveragePool", [last], "mean").Node("Flatten", ["mean"], "flat").Node("Gemm", ["flat", "fc_w", "fc_b"], "y");
        });
    }

    public static Workload Transformer(long tokens)
    {
        var input = new Input("x", [1, tokens, 512], -2, 2);
        return Make("transformer", $"encoder block, {tokens} tokens", 0.9, 1e-4, input, input.Shape, data =>
        {
            var m = Graph(Parameters("transformer"), input, input.Shape, data)
                .Integers("split", 1, tokens, 8, 64).Integers("joined", 1, tokens, 512)
                .Weights("root", [8f]).Weights("sqrt2", [MathF.Sqrt(2)]).Weights("one", [1f]).Weights("half", [0.5f]);
            foreach (var (part, order) in new (string, long[])[] { ("q", [0, 2, 1, 3]), ("k", [0, 2, 3, 1]), ("v", [0, 2, 1, 3]) })
            {
                m.Node("MatMul", ["x", "w" + part], part + ".p").Node("Add", [part + ".p", "b" + part], part + ".b")
                    .Node("Reshape", [part + ".b", "split"], part + ".s").Node("Transpose", [part + ".s"], part, ("perm", order, true));
            }

            return m.Node("MatMul", ["q", "k"], "scores").Node("Div", ["scores", "root"], "scaled").Node("Softmax", ["scaled"], "share", ("axis", [-1], false))
                .Node("MatMul", ["share", "v"], "mixed").Node("Transpose", ["mixed"], "back", ("perm", [0, 2, 1, 3], true)).Node("Reshape", ["back", "joined"], "heads")
                .Node("MatMul", ["heads", "wo"], "o.p").Node("Add", ["o.p", "bo"], "o").Node("Add", ["x", "o"], "r")
                .Node("LayerNormalization", ["r", "gain1", "bias1"], "n", ("axis", [-1], false))
                .Node("MatMul", ["n", "w1"], "u.p").Node("Add", ["u.p", "b1"], "u")
                .Node("Div", ["u", "sqrt2"], "u.d").Node("Erf", ["u.d"], "u.e").Node("Add", ["u.e", "one"], "u.a").Node("Mul", ["u", "u.a"], "u.m").Node("Mul", ["u.m", "half"], "g")
                .Node("MatMul", ["g", "w2"], "f.p").Node("Add", ["f.p", "b2"], "f").Node("Add", ["n", "f"], "s")
                .Node("LayerNormalization", ["s", "gain2", "bias2"], "y", ("axis", [-1], false));
        });
    }

    public static Workload Lstm(long steps, long batch)
    {
        const int Inputs = 128, Hidden = 256;
        var input = new Input("x", [steps, batch, Inputs]);
        return Make("lstm", $"LSTM {Inputs}→{Hidden}, {steps} steps of {batch}", 0.7, 1e-5, input, [steps, batch, Hidden], data => new OnnxModel("lstm")
            .Input("x", input.Shape).Output("y", steps, batch, Hidden)
            .Weights("W", Gates(data["wx"], Inputs, Hidden), 1, 4 * Hidden, Inputs)
            .Weights("R", Gates(data["wh"], Hidden, Hidden), 1, 4 * Hidden, Hidden)
            .Weights("B", [.. Gates(data["bias"], 1, Hidden), .. new float[4 * Hidden]], 1, 8 * Hidden)
            .Integers("direction", 1)
            .Node("LSTM", ["x", "W", "R", "B"], "all", ("hidden_size", [Hidden], false)).Node("Squeeze", ["all", "direction"], "y"));
    }

    // Ours: [inputs, 4 hidden], gates in the order input, forget, cell, output. ONNX: [4 hidden, inputs], input, output, forget, cell.
    private static float[] Gates(float[] weights, int inputs, int hidden)
    {
        int[] order = [0, 3, 1, 2];
        var gates = new float[weights.Length];
        for (var row = 0; row < 4 * hidden; row++)
        {
            for (var column = 0; column < inputs; column++)
            {
                gates[(row * inputs) + column] = weights[(column * 4 * hidden) + (order[row / hidden] * hidden) + (row % hidden)];
            }
        }

        return gates;
    }

    private static void ConvolutionNorm(OnnxModel m, string x, string weights, string norm, string y, long stride, long pad) =>
        m.Node("Conv", [x, weights], y + ".conv", ("strides", [stride, stride], true), ("pads", [pad, pad, pad, pad], true))
            .Node("BatchNormalization", [y + ".conv", norm + "_scale", norm + "_shift", norm + "_mean", norm + "_var"], y);

    private static OnnxModel Graph(IEnumerable<Input> parameters, Input input, long[] output, IReadOnlyDictionary<string, float[]> data) =>
        Workload.Onnx([input, .. parameters], 1, output, data);

    private static Workload Make(string model, string name, double goal, double tolerance, Input input, long[] output, Func<IReadOnlyDictionary<string, float[]>, OnnxModel> onnx) =>
        new(model, name, goal, tolerance, Path(model), [input, .. Parameters(model)], 1, output, onnx);

    private static string Path(string model) => System.IO.Path.Combine(AppContext.BaseDirectory, "models", model + ".lep");

    // As the program declares them. Weights keep the scale of what goes through them; norms and biases are some numbers, not ones and zeros.
    private static List<Input> Parameters(string model)
    {
        using var engine = LeptonEngine.Compile(Path(model));
        return [.. engine.Entries.Single().Manifest.Parameters.Select(p =>
        {
            long[] shape = [.. p.Shape.Select(s => s.AsConstant!.Value)];
            var fan = shape.Length == 4 ? shape[1] * shape[2] * shape[3] : shape[0];
            var limit = MathF.Sqrt((p.Initializer == "he" ? 6f : 3f) / fan);
            return p.Initializer switch
            {
                "ones" => new Input(p.Name, shape, 0.5f, 1.5f),
                "zeros" => new Input(p.Name, shape, -0.1f, 0.1f),
                _ => new Input(p.Name, shape, -limit, limit),
            };
        })];
    }
}
