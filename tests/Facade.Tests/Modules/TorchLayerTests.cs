using System.Text.Json;
using NUnit.Framework;

namespace FunctionalDL.Tests;

/// <summary>
/// Each layer against PyTorch's of the same options: text, names and shapes of parameters and buffers, outputs in both
/// modes, gradients of parameters and inputs, and what running statistics become. <c>torch/make_layers.py</c> wrote the figures.
/// </summary>
public class TorchLayerTests
{
    private static readonly Dictionary<string, Func<Module>> Layers = new()
    {
        ["linear"] = () => new Linear(4, 3),
        ["linear without bias"] = () => new Linear(4, 3, bias: false),
        ["bilinear"] = () => new Bilinear(4, 5, 3),
        ["conv1d"] = () => new Conv1d(4, 2, 3, padding: 1, paddingMode: PaddingMode.Circular),
        ["conv2d"] = () => new Conv2d(4, 6, (3, 2), stride: 2, padding: (1, 0), dilation: (1, 2), groups: 2, bias: false),
        ["conv2d same"] = () => new Conv2d(4, 2, 3, padding: Sizes.Same),
        ["conv2d reflect"] = () => new Conv2d(4, 2, 3, padding: 1, paddingMode: PaddingMode.Reflect),
        ["conv3d"] = () => new Conv3d(2, 3, 2),
        ["conv transpose 1d"] = () => new ConvTranspose1d(4, 2, 3, stride: 2),
        ["conv transpose 2d"] = () => new ConvTranspose2d(4, 2, 3, stride: 2, padding: 1, outputPadding: 1),
        ["conv transpose 3d"] = () => new ConvTranspose3d(2, 2, 2, groups: 2),
        ["batch norm 1d"] = () => new BatchNorm1d(4),
        ["batch norm 2d"] = () => new BatchNorm2d(4, eps: 1e-3, momentum: 0.3),
        ["batch norm cumulative"] = () => new BatchNorm2d(4, momentum: null),
        ["batch norm 3d"] = () => new BatchNorm3d(2, affine: false),
        ["batch norm without statistics"] = () => new BatchNorm2d(4, trackRunningStats: false),
        ["instance norm 1d"] = () => new InstanceNorm1d(4, affine: true),
        ["instance norm 2d"] = () => new InstanceNorm2d(4, affine: true, trackRunningStats: true),
        ["layer norm"] = () => new LayerNorm(4),
        ["layer norm of two axes"] = () => new LayerNorm([7, 6], eps: 1e-3, elementwiseAffine: false),
        ["group norm"] = () => new GroupNorm(2, 4),
        ["max pool 1d"] = () => new MaxPool1d(3, 2),
        ["max pool 2d"] = () => new MaxPool2d(3, stride: 2, padding: 1, ceilMode: true),
        ["max pool 3d"] = () => new MaxPool3d(2),
        ["avg pool 1d"] = () => new AvgPool1d(2),
        ["avg pool 2d"] = () => new AvgPool2d((3, 2), stride: (2, 1), padding: (1, 0), countIncludePad: false),
        ["avg pool 3d"] = () => new AvgPool3d(2),
        ["adaptive avg pool 1d"] = () => new AdaptiveAvgPool1d(4),
        ["adaptive avg pool 2d"] = () => new AdaptiveAvgPool2d((3, 2)),
        ["adaptive max pool 2d"] = () => new AdaptiveMaxPool2d(1),
        ["relu"] = () => new ReLU(),
        ["leaky relu"] = () => new LeakyReLU(0.2),
        ["prelu"] = () => new PReLU(4),
        ["relu6"] = () => new ReLU6(),
        ["elu"] = () => new ELU(0.7),
        ["celu"] = () => new CELU(2.0),
        ["selu"] = () => new SELU(),
        ["gelu"] = () => new GELU(),
        ["gelu tanh"] = () => new GELU("tanh"),
        ["silu"] = () => new SiLU(),
        ["mish"] = () => new Mish(),
        ["softplus"] = () => new Softplus(2, 10),
        ["softsign"] = () => new Softsign(),
        ["sigmoid"] = () => new Sigmoid(),
        ["log sigmoid"] = () => new LogSigmoid(),
        ["tanh"] = () => new Tanh(),
        ["hardtanh"] = () => new Hardtanh(-0.2, 0.3),
        ["hardsigmoid"] = () => new Hardsigmoid(),
        ["hardswish"] = () => new Hardswish(),
        ["tanhshrink"] = () => new Tanhshrink(),
        ["softshrink"] = () => new Softshrink(0.1),
        ["hardshrink"] = () => new Hardshrink(0.1),
        ["threshold"] = () => new Threshold(0.1, 0.9),
        ["softmax"] = () => new Softmax(dim: 1),
        ["log softmax"] = () => new LogSoftmax(dim: -1),
        ["glu"] = () => new GLU(),
        ["rnn"] = () => new RNN(4, 3, 2, nonlinearity: "relu"),
        ["lstm"] = () => new LSTM(4, 3, 2, batchFirst: true, bidirectional: true),
        ["gru"] = () => new GRU(4, 3, bias: false),
        ["attention"] = () => new MultiheadAttention(4, 2, batchFirst: true),
        ["attention of other sizes"] = () => new MultiheadAttention(4, 2, kDim: 3, vDim: 5),
    };

    private static readonly JsonElement[] Cases =
        [.. JsonDocument.Parse(File.ReadAllText(Golden)).RootElement.EnumerateArray()];

    private static string Golden => Path.Combine(House.Root, "tests/Facade.Tests/Modules/torch/layers.json");

    private static IEnumerable<string> Names => Cases.Select(c => c.GetProperty("name").GetString()!);

    [Test]
    public void EveryCaseIsRun() => Assert.That(Names, Is.EquivalentTo(Layers.Keys));

    [TestCaseSource(nameof(Names))]
    public void Layer_DoesWhatPyTorchsDoes(string name)
    {
        var expected = Cases.Single(c => c.GetProperty("name").GetString() == name);
        var layer = Layers[name]();

        if (!name.StartsWith("attention", StringComparison.Ordinal))
        {
            // PyTorch shows its attention by the class of a part that others do not have.
            Assert.That($"{layer}", Is.EqualTo(expected.GetProperty("text").GetString()));
        }

        layer.To(DType.Float64);
        Fill(layer, expected.GetProperty("cells"));
        var inputs = expected.GetProperty("inputs").EnumerateArray()
            .Select((shape, i) => new Parameter(Filled([.. shape.EnumerateArray().Select(s => s.GetInt32())], 10 + i, 1)))
            .ToArray();

        Tensor Output() => layer.Call([.. inputs.Select(x => x.Value)]);
        var output = Output();
        var weights = (0.3 * Tensor.Arange(output.Size).To(DType.Float64)).Cos().Reshape(output.Shape);
        (output * weights).Sum().Backward();

        Assert.That(output.Shape, Is.EqualTo(new Shape(Whole(expected.GetProperty("output").GetProperty("shape")))));
        Same("output", output, expected.GetProperty("output").GetProperty("values"));

        foreach (var (path, parameter) in layer.NamedParameters())
        {
            Same($"gradient of {path}", parameter.Grad!, expected.GetProperty("gradients").GetProperty(path));
        }

        foreach (var (input, gradient) in inputs.Zip(expected.GetProperty("inputGradients").EnumerateArray()))
        {
            Same("gradient of an input", input.Grad!, gradient);
        }

        // PyTorch's instance norms have this counter and do not count.
        foreach (var (path, buffer) in layer.NamedBuffers().Where(b => layer is not InstanceNorm2d || b.Name != "num_batches_tracked"))
        {
            Same(path, buffer.Value, expected.GetProperty("buffers").GetProperty(path));
        }

        layer.Eval();
        Same("output in evaluation", Output(), expected.GetProperty("evaluated"));
    }

    private static void Fill(Module layer, JsonElement cells)
    {
        var state = new Dictionary<string, Tensor>();
        var held = layer.StateDict();

        foreach (var (i, cell) in cells.EnumerateArray().Index())
        {
            var path = cell[0].GetString()!;
            Assert.That(held[path].Shape, Is.EqualTo(new Shape(Whole(cell[1]))), path);
            state[path] = held[path].DType == DType.Float64
                ? Filled(Whole(cell[1]), i, 0.5) + (path == "running_var" ? 1 : 0)
                : held[path];
        }

        Assert.That(layer.LoadStateDict(state).IsComplete, Is.True);
    }

    private static Tensor Filled(int[] shape, double phase, double scale) =>
        (scale * (phase + 0.7 * Tensor.Arange(shape.Aggregate(1, (a, b) => a * b)).To(DType.Float64)).Sin()).Reshape(shape);

    private static void Same(string what, Tensor actual, JsonElement expected) => Assert.That(
        actual.ToArray<double>(),
        Is.EqualTo(expected.EnumerateArray().Select(x => x.GetDouble())).Within(1e-8),
        what);

    private static int[] Whole(JsonElement sizes) => [.. sizes.EnumerateArray().Select(s => s.GetInt32())];
}
