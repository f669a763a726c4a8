using NUnit.Framework;

namespace FunctionalDL.Tests;

public class SavingTests
{
    private static Learner Make(StringWriter output, long seed, bool isAdam = true, Module? model = null) => new(
        new DataLoaders(new DataLoader(Clouds.Train, 8), new DataLoader(Clouds.Valid, 16)),
        model ?? Clouds.Net(),
        Losses.CrossEntropy,
        isAdam ? (ps, lr) => new Adam(ps, lr) : (ps, lr) => new SGD(ps, lr, momentum: 0.9),
        seed: seed,
        output: output);

    private static string Temporary() => Path.Combine(House.Temporary(), "model.safetensors");

    /// <summary>Row 89: model and optimiser go on as those that were saved.</summary>
    [TestCase(true)]
    [TestCase(false)]
    public void Load_GoesOn_AsTheSavedLearner_Row89(bool isAdam)
    {
        var (path, output) = (Temporary(), new StringWriter());
        var learn = Make(output, 1, isAdam);
        learn.Fit(2, 0.02);
        learn.Save(path);
        learn.Fit(1, 0.02);

        long[] Loaded(bool withOptimizer)
        {
            var other = Make(output, 2, isAdam).Load(path, withOptimizer);
            other.Fit(1, 0.02);
            return Clouds.Bits(other.Model);
        }

        Assert.That(Loaded(withOptimizer: true), Is.EqualTo(Clouds.Bits(learn.Model)));
        Assert.That(Loaded(withOptimizer: false), Is.Not.EqualTo(Clouds.Bits(learn.Model)), "its memory counts");
        Assert.That(output.ToString(), Does.Not.Contain("Warning"));
    }

    /// <summary>Row 89: what is missing is told, and the optimiser begins anew rather than with the memory of other parameters.</summary>
    [Test]
    public void Load_WithoutAnOptimisersState_Warns_AndBeginsAnew_Row89()
    {
        var (path, output) = (Temporary(), new StringWriter());
        var learn = Make(output, 1);
        learn.Fit(2, 0.02);
        learn.Save(path, withOptimizer: false);
        var fresh = Make(output, 2).Load(path, withOptimizer: false);
        fresh.Fit(1, 0.02);
        Assert.That(output.ToString(), Does.Not.Contain("Warning"), "as it was asked for");

        learn.Load(path).Fit(1, 0.02);
        Assert.That(output.ToString(), Does.Contain("Warning").And.Contain(path).And.Contain("no state of an optimiser"));
        Assert.That(Clouds.Bits(learn.Model), Is.EqualTo(Clouds.Bits(fresh.Model)));
    }

    [Test]
    public void Load_OfAnotherOptimiserOrModel_ChangesNothing_Row89()
    {
        var (path, output) = (Temporary(), new StringWriter());
        var learn = Make(output, 1);
        learn.Fit(1, 0.02);
        learn.Save(path);
        var (other, larger) = (Make(output, 2, isAdam: false), Make(output, 3, model: new Sequential(new Linear(2, 9), new ReLU(), new Linear(9, 3))));
        var before = (Clouds.Bits(other.Model), Clouds.Bits(larger.Model));
        Assert.That(() => other.Load(path), Throws.TypeOf<Core.OptionException>().With.Message.Contains("adam"));
        Assert.That(() => larger.Load(path), Throws.TypeOf<StateDictException>().With.Message.Contains("0.weight"));
        Assert.That((Clouds.Bits(other.Model), Clouds.Bits(larger.Model)), Is.EqualTo(before));
        var model = Clouds.Net();
        Assert.That(model.Load(path).IsComplete, "a module takes its own part");
        Assert.That(Clouds.Bits(model), Is.EqualTo(Clouds.Bits(learn.Model)));
    }
}
