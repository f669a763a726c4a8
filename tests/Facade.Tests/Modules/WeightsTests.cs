using System.Diagnostics;
using NUnit.Framework;

namespace FunctionalDL.Tests;

/// <summary>
/// Weights there and back between PyTorch and here: by committed files (<c>make_states.py</c> of the core's tests wrote them), and
/// by <c>torch/resnet18.py</c> where Python has PyTorch.
/// </summary>
public class WeightsTests
{
    private static string Committed(string name) => Path.Combine(House.Root, "tests/Core.Tests/Weights", name);

    [Test]
    public void LoadWeights_TakesTheModelsStateOutOfACheckpoint()
    {
        var linear = new Linear(2, 1);
        Assert.That(linear.LoadWeights(Committed("checkpoint.pt")).IsComplete, Is.True);
        Check.Values(linear.Weight, -1, -0.75);
        Check.Values(linear.StateDict()["bias"], -1);
    }

    [Test]
    public void LoadWeights_ReportsOrRaises_AsLoadStateDictDoes()
    {
        var network = new Sequential(new Linear(2, 1));
        Assert.That(() => network.LoadWeights(Committed("checkpoint.pt")), Throws.TypeOf<StateDictException>());

        var report = network.LoadWeights(Committed("checkpoint.pt"), strict: false);
        Assert.That(report.Missing, Is.EqualTo(new[] { "0.weight", "0.bias" }));
        Assert.That(report.Unexpected, Is.EquivalentTo(new[] { "weight", "bias" }));
    }

    [Test]
    public void LoadWeights_ReadsWhatSaveWrote()
    {
        var path = Path.Combine(House.Temporary(), "linear.safetensors");
        var (from, to) = (new Linear(3, 2), new Linear(3, 2));
        from.Save(path);
        Assert.That(to.LoadWeights(path).IsComplete, Is.True);
        Check.Same(to.Weight, from.Weight);
    }

    [Test]
    public void Load_NamesTheTensor_WhoseTypeIsNotKnownHere() =>
        Assert.That(
            () => Weights.Load(Committed("state.pt")),
            Throws.TypeOf<FunctionalDL.Data.DataException>().With.Message.Contains("'int16' is of type I16"));

    [Test]
    public void AResNet18OfPyTorch_LoadsByName_GivesItsOutputs_AndIsReadBackThere()
    {
        var folder = House.Temporary();
        var script = Path.Combine(House.Root, "tests/Facade.Tests/Modules/torch/resnet18.py");

        if (PythonWithTorch() is not { } python)
        {
            Assert.Ignore("no Python here has PyTorch");
            return;
        }

        Run(python, script, "write", folder);
        var pass = Weights.Load(Path.Combine(folder, "pass.pt"));
        var model = ResNet.ResNet18(numClasses: 10).Eval();

        foreach (var file in new[] { "resnet18.pt", "resnet18.pth" })
        {
            model.Initialize(3);
            Assert.That(model.LoadWeights(Path.Combine(folder, file)).IsComplete, Is.True, file);
            Check.Close(model.Call(pass["input"]), 1e-4, pass["output"].ToArray<double>());
        }

        Assert.That(pass["output"].ToArray<double>().Max(Math.Abs), Is.GreaterThan(0.1), "the outputs have to say something");

        model.Save(Path.Combine(folder, "ours.safetensors"));
        Run(python, script, "compare", folder);
        Directory.Delete(folder, true);
    }

    /// <summary>The Python that has PyTorch: the usual one, or the system's own.</summary>
    private static string? PythonWithTorch() =>
        new[] { "python3", "/usr/bin/python3" }.FirstOrDefault(python =>
        {
            try
            {
                return Exit(python, "-c", "import torch").Code == 0;
            }
            catch (System.ComponentModel.Win32Exception)
            {
                return false;
            }
        });

    private static void Run(string python, params string[] arguments)
    {
        var (code, text) = Exit(python, arguments);
        Assert.That(code, Is.Zero, text);
    }

    private static (int Code, string Text) Exit(string python, params string[] arguments)
    {
        var start = new ProcessStartInfo(python, arguments) { RedirectStandardError = true, RedirectStandardOutput = true };
        using var process = Process.Start(start)!;
        var error = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output + error.Result);
    }
}
