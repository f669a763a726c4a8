using System.Diagnostics;
using NUnit.Framework;

namespace FunctionalDL.Tests;

/// <summary>The lessons as programs. The CI runs them on data/digits; here they are run on MNIST, whose figures are known.</summary>
public class LessonScriptTests
{
    private static (int Code, string Text) Run(params string[] args)
    {
        var start = new ProcessStartInfo("dotnet", args)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = House.Root,
        };
        using var process = Process.Start(start)!;
        var error = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output + error.Result);
    }

    private static (int Code, string Text) Lesson(string name, params string[] args) =>
        Run(["run", "-c", "Release", Path.Combine("scripts", "lesson09", name), "--", .. args]);

    private static (int Code, string Text) Lesson6(string name, params string[] args) =>
        Run(["run", "-c", "Release", Path.Combine("scripts", "lesson06", name), "--", .. args]);

    private static string Real(string name)
    {
        var folder = Path.Combine(House.Root, "..", "shared", "data", name);

        if (!Directory.Exists(folder))
        {
            Assert.Ignore($"the real tables are not at {Path.GetFullPath(folder)}");
        }

        return folder;
    }

    /// <summary>Made tables of the real columns: the error far below what each store's mean gives, days in order, the file to hand in.</summary>
    [Test]
    [Category("Slow")]
    public void Rossmann_IsPredicted_AndHandedIn_Row68()
    {
        var file = Path.Combine(House.Temporary(), "submission.csv");
        var (code, text) = Lesson6("rossmann.cs", "--out", file);
        Assert.That(code, Is.Zero, text);
        Assert.That(text, Does.Match(@"days both to train on and to judge by +0 +0  holds"));
        Assert.That(text, Does.Match(@"\nexp_rmspe 0\.\d{4}\s*$"));
        var lines = File.ReadAllLines(file);
        Assert.That(lines, Has.Length.EqualTo(1921));
        Assert.That(lines[0], Is.EqualTo("Id,Sales"));
        Assert.That(lines[1..], Has.All.Match(@"^\d+,\d+$"));
    }

    [Test]
    [Category("Slow")]
    public void Adult_IsLearned_InThreeEpochs()
    {
        var (code, text) = Lesson6("adult.cs", "--data", Real("adult"));
        Assert.That(code, Is.Zero, text);
        Assert.That(text, Does.Match(@"\naccuracy 0\.8\d{3}\s*$"));
    }

    /// <summary>Loops 1 to 7, models 1 to 6, the learner compiled and not: rows 32 to 40, 46 to 54.</summary>
    [Test]
    [Category("Slow")]
    public void Lesson03_GivesTheGoldenTrace_InEveryStage_Row39_Row40_Row53_Row54()
    {
        var (code, text) = Lesson("03-minibatch-training.cs", "--data", House.Mnist());
        Assert.That(code, Is.Zero, text);
        Assert.That(text, Does.Contain("as expected the trace that the course's weights give (golden G-1)"));
        Assert.That(text, Does.Contain("epoch 4: means of batches 0.132368 0.962816, of items 0.133741 0.9624"));
        Assert.That(text, Does.Not.Contain("DIFFERS"));
    }

    [Test]
    [Category("Slow")]
    public void Lesson02a_StaysWithinItsBands_Row4_Row5_Row6_Row9_Row13()
    {
        var (code, text) = Lesson("02a-why-sqrt5.cs", "--data", House.Mnist());
        Assert.That(code, Is.Zero, text);
        Assert.That(text, Does.Contain("bound for ReLU, slope 0").And.Contain("0.489898"));
    }

    [TestCase("03-minibatch-training.cs", "--stage", "99", 2, "--stage")]
    [TestCase("03-minibatch-training.cs", "--data", "/nowhere", 2, "/nowhere")]
    [TestCase("02a-why-sqrt5.cs", "--nonsense", "1", 2, "--nonsense")]
    [TestCase("../lesson06/adult.cs", "--data", "/nowhere", 2, "/nowhere/adult.csv")]
    [TestCase("../lesson06/rossmann.cs", "--rows", "0", 2, "--rows")]
    [Category("Slow")]
    public void Lessons_TellWhatIsWrong(string lesson, string option, string value, int code, string part)
    {
        var run = Lesson(lesson, option, value);
        Assert.That(run.Code, Is.EqualTo(code), run.Text);
        Assert.That(run.Text, Does.Contain(part));
    }
}
