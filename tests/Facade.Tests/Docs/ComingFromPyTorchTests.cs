using System.Text.RegularExpressions;
using NUnit.Framework;

namespace FunctionalDL.Tests;

/// <summary>The examples of docs/coming-from-pytorch.md, run; the page shows these very lines.</summary>
public class ComingFromPyTorchTests
{
    private const int n = 12;
    private const int bs = 4;
    private const double lr = 0.1;

    private static readonly Tensor x = Tensor.Randn([n, 4], new Generator(1));
    private static readonly Tensor y = Tensor.Arange(n).Reshape(3, 4).T.Flatten().Lt(6).Long() + Tensor.Arange(n).Lt(3).Long();

    class Model(int inputs, int hidden, int outputs) : Module
    {
        private readonly Linear _l1 = new(inputs, hidden), _l2 = new(hidden, outputs);

        public override Tensor Forward(Tensor x) => _l2.Call(_l1.Call(x).Relu());
    }

    [Test]
    public void EveryExampleOfThePage_IsHere()
    {
        static string Lines(string code) => Regex.Replace(code, @"\s+", " ");

        var page = File.ReadAllText(Path.Combine(House.Root, "docs/coming-from-pytorch.md"));
        var here = Lines(File.ReadAllText(Path.Combine(House.Root, "tests/Facade.Tests/Docs/ComingFromPyTorchTests.cs")));
        var blocks = Regex.Matches(page, "```csharp\n(.*?)```", RegexOptions.Singleline);
        Assert.That(blocks, Has.Count.EqualTo(6));

        foreach (Match block in blocks)
        {
            Assert.That(here, Does.Contain(Lines(block.Groups[1].Value)));
        }
    }

    /// <summary>Checklist row 40: the loops give one result from one start.</summary>
    [Test]
    public void Loops_GiveTheSameBits_Row40()
    {
        var hand = Hand();
        Assert.That(Plain(), Is.EqualTo(hand));
        Assert.That(Compiled(), Is.EqualTo(hand));
    }

    private static long[] Bits(Module module) => [.. module.Parameters().SelectMany(p => Check.Bits(p))];

    // First values follow from the shapes' order alone.
    private static void Start(Module module)
    {
        foreach (var (p, i) in module.Parameters().Select((p, i) => (p, i)))
        {
            p.Value = Tensor.Randn(p.Shape, new Generator(i));
        }
    }

    private static long[] Hand()
    {
        var model = new Model(4, 5, 3);
        Start(model);

        for (var i = 0; i < n; i += bs)
        {
            Losses.CrossEntropy(model.Call(x[i..(i + bs)]), y[i..(i + bs)]).Backward();

            using (Autograd.NoGrad())
            {
                foreach (var p in model.Parameters())
                {
                    p.Value -= lr * p.Grad!;
                }

                model.ZeroGrad();
            }
        }

        return Bits(model);
    }

    private static long[] Plain()
    {
        var net = new Sequential(new Linear(4, 5), new ReLU(), new Linear(5, 3));
        var opt = new SGD(net.Parameters(), lr);
        Start(net);

        for (var i = 0; i < n; i += bs)
        {
            Losses.CrossEntropy(net.Call(x[i..(i + bs)]), y[i..(i + bs)]).Backward();
            opt.Step();
            opt.ZeroGrad();
        }

        return Bits(net);
    }

    private static long[] Compiled()
    {
        var net = new Sequential(new Linear(4, 5), new ReLU(), new Linear(5, 3));
        var opt = new SGD(net.Parameters(), lr);
        Start(net);

        var step = net.CompileStep(Losses.CrossEntropy, opt);

        for (var i = 0; i < n; i += bs)
        {
            step.Run(x[i..(i + bs)], y[i..(i + bs)]);
        }

        return Bits(net);
    }

    [Test]
    public void GradCam_WeighsTheMapsByTheirMeanGradients()
    {
        var body = new Sequential(new Conv2d(1, 3, 3, generator: new Generator(1)), new ReLU());
        var classifier = new Sequential(body, new AdaptiveAvgPool2d(1), new Flatten(), new Linear(3, 2, generator: new Generator(2)));
        var picture = Tensor.Rand([1, 1, 6, 6], new Generator(3));
        const int category = 1;

        using var acts = body.HookOutput();
        using var grads = body.HookOutput(grad: true);
        classifier.Call(picture)[0, category].Backward();
        var weights = grads.Stored![0].Mean([1, 2], keepdim: true);
        var map = (acts.Stored![0] * weights).Mean(0);

        // Behind the mean over a face the gradient is the classifier's weight, shared by the face.
        var row = ((Linear)classifier[3]).Weight.Value[category].Detach() / 16;
        Assert.That(weights.Flatten().AllClose(row, 1e-5, 1e-7), Is.True);
        Assert.That(map.AllClose(Tensor.Einsum("chw,c->hw", acts.Stored[0], row) / 3, 1e-5, 1e-7), Is.True);
    }
}
