using NUnit.Framework;

namespace FunctionalDL.Tests;

/// <summary>Heat maps and Grad-CAM: values, that nothing else changes, and pictures of them.</summary>
public class HeatMapTests
{
    private static readonly double[,,] Acts = { { { 0, 1 }, { 2, 3 } }, { { 4, 5 }, { 6, 7 } } };
    private static readonly double[,,] Grads = { { { 1, 0 }, { 0, 1 } }, { { -1, -1 }, { 0, 0 } } };

    /// <summary>The toy of the lessons' section 3.14: a body that changes nothing, and a score with the gradients given.</summary>
    private static (Sequential Model, Tensor Input) Toy() => (
        new Sequential(
            ("body", new Identity()),
            ("head", new Lambda(x => Tensor.Stack([(x * Tensor.From(Grads)).Sum([1, 2, 3]), -x.Sum([1, 2, 3])], 1)))),
        Tensor.From(Acts).Unsqueeze(0));

    [Test]
    public void TheToy_HasTheGoldenMaps_Row84()
    {
        var (model, input) = Toy();
        Check.Values(HeatMap.Activations(model, model["body"], input), 2, 3, 4, 5);
        Check.Values(HeatMap.GradCam(model, model["body"], input, 0), -1, -1, -1, -1);
        Check.Values(HeatMap.GradCam(model, model["body"], input, 0, positive: true), 0, 0, 0, 0);

        // The other class has the gradient -1 everywhere.
        Check.Values(HeatMap.GradCam(model, model["body"], input, 1), -2, -3, -4, -5);
    }

    /// <summary>A network in training mode, with a gradient and running statistics to lose.</summary>
    [Test]
    public void GradCam_IsTheLessonsByHand_ForTwoCategories_AndChangesNothing_Row84()
    {
        var model = (Sequential)new Sequential(
            ("0", new Sequential(new Conv2d(3, 6, 3, stride: 2), new BatchNorm2d(6), new ReLU())),
            ("1", VisionHead.Create(6, 4, linFtrs: [5]))).Initialize(3);
        var x = Tensor.Randn([1, 3, 13, 11], new Generator(2));
        model.Eval();

        Tensor ByHand(int category)
        {
            using var acts = model[0].HookOutput();
            using var grads = model[0].HookOutput(grad: true);
            model.Call(x)[0, category].Backward();
            return (acts.Stored![0] * grads.Stored![0].Mean([1, 2], keepdim: true)).Mean(0);
        }

        var expected = new[] { ByHand(0), ByHand(3) };
        model.ZeroGrad();
        model.Train();
        var (state, mode) = (model.StateDict().Values.Select(Check.Bits).ToList(), model.Training);
        var actual = new[] { 0, 3 }.Select(category => HeatMap.GradCam(model, model[0], x, category)).ToList();

        Check.Same(actual[0], expected[0]);
        Check.Same(actual[1], expected[1]);
        Assert.That(Check.Bits(actual[0]), Is.Not.EqualTo(Check.Bits(actual[1])));
        Assert.That(actual[0].Shape, Is.EqualTo(new Shape(6, 5)));
        Assert.That(model.StateDict().Values.Select(Check.Bits), Is.EqualTo(state));
        Assert.That(model.Training, Is.EqualTo(mode).And.True);
        Assert.That(model.Parameters().All(p => p.Grad is null), Is.True);

        using (Autograd.NoGrad())
        {
            Check.Same(HeatMap.GradCam(model, model[0], x, 3), expected[1]);
        }
    }

    [Test]
    public void WhatHasNoMap_IsRefused()
    {
        var (model, input) = Toy();
        Assert.That(() => HeatMap.GradCam(model, model["body"], input, 2), Throws.TypeOf<Core.OptionException>().With.Message.Contains("no class 2"));
        Assert.That(() => HeatMap.Activations(model, new Identity(), input), Throws.ArgumentException.With.Message.Contains("does not call"));
        Assert.That(
            () => HeatMap.Activations(model, model["body"], Tensor.Cat([input, input])),
            Throws.TypeOf<Core.ShapeException>().With.Message.Contains("no batch of one"));
        Assert.That(
            () => HeatMap.Activations(model, model["head"], input), Throws.TypeOf<Core.ShapeException>().With.Message.Contains("no activations"));
    }

    [Test]
    public void AnOverlay_IsWritten_AndReadBack_Row84()
    {
        var path = Path.Combine(House.Temporary(), "map.png");
        var picture = Tensor.Full([3, 8, 8], 0.5f);
        HeatMap.Write(path, picture, Tensor.From(new[,] { { 0f, 1 }, { 2, 3 } }), alpha: 0.6);
        var written = FunctionalDL.Data.Images.read(path);
        Assert.That((written.Width, written.Height, written.Channels), Is.EqualTo((8, 8, 3)));

        // The corners have the ends of the palette: 0.4 of the grey and 0.6 of almost black and almost white.
        byte[] first = [.. written.Samples.Take(3)], last = [.. written.Samples.TakeLast(3)];
        Assert.That(first, Is.EqualTo(new byte[] { 51, 51, 54 }));
        Assert.That(last, Is.EqualTo(new byte[] { 202, 203, 166 }));

        // Bytes are the same picture.
        var again = Path.Combine(House.Temporary(), "again.png");
        HeatMap.Write(again, Tensor.Full([3, 8, 8], 128, DType.UInt8), Tensor.From(new[,] { { 0f, 1 }, { 2, 3 } }), alpha: 0.6);
        Assert.That(File.ReadAllBytes(again), Is.EqualTo(File.ReadAllBytes(path)));
    }
}
