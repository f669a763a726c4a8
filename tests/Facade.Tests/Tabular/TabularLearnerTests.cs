using FunctionalDL.Data;
using NUnit.Framework;

namespace FunctionalDL.Tests;

public class TabularLearnerTests
{
    private const int Rows = 600;

    /// <summary>Who has a degree and works more than 35 hours earns more; the pay follows from both.</summary>
    private static readonly Table People = Make();

    private static Table Make()
    {
        var draws = new Random(7);
        string[] schools = ["school", "college", "degree"];
        var education = Enumerable.Range(0, Rows).Select(_ => schools[draws.Next(3)]).ToArray();
        var hours = Enumerable.Range(0, Rows).Select(_ => draws.Next(20, 60)).ToArray();
        var more = education.Zip(hours, (e, h) => e == "degree" && h > 35).ToArray();

        return Table.FromColumns(
            ("Id", Enumerable.Range(1000, Rows).ToArray()),
            ("education", education),
            ("hours", hours),
            ("age", hours.Select((h, i) => i % 7 == 0 ? double.NaN : 20 + (i % 40)).ToArray()),
            ("income", more.Select(m => m ? ">50K" : "<=50K").ToArray()),
            ("pay", hours.Zip(more, (h, m) => (long)(h * (m ? 100 : 40))).ToArray()));
    }

    private static TabularData Data(string y, YBlock? block = null) => new(
        People, ["education"], ["hours", "age"], [y], yBlock: block, splits: Splits.Random(People, 0.2, seed: 1));

    private static TabularLearner Classifier(long seed = 1)
    {
        var learn = new TabularLearner(
            Data("income").DataLoaders(32), [20, 10], metrics: [Metrics.Accuracy], seed: seed, silent: true);
        learn.FitOneCycle(6, 1e-2);
        return learn;
    }

    private static TabularLearner Regressor(int epochs = 15)
    {
        var learn = new TabularLearner(
            Data("pay", YBlock.Regression(log: true)).DataLoaders(32),
            [40, 20],
            new Dictionary<string, int> { ["education"] = 2 },
            yRange: (0, Math.Log(6000 * 1.2)),
            metrics: [Metrics.ExpRmspe],
            seed: 1,
            silent: true);
        learn.FitOneCycle(epochs, 1e-2);
        return learn;
    }

    [Test]
    public void Classes_AreLearned_AndARowIsDecoded()
    {
        var learn = Classifier();
        Assert.That(learn.Validate().Metrics["accuracy"], Is.GreaterThan(0.95));
        Assert.That($"{learn.Model.Layers[0]}", Is.EqualTo("Linear(in_features=8, out_features=20, bias=True)"));

        var rich = learn.Predict(new { education = "degree", hours = 55, age = 40.0, unrelated = "x" });
        Assert.That((rich.Decoded, rich.Index), Is.EqualTo((">50K", 1)));
        Assert.That(rich.Values.Sum(), Is.EqualTo(1).Within(1e-6));
        Assert.That(rich.Value, Is.EqualTo(rich.Values[1]).And.GreaterThan(0.8));
        var poor = learn.Predict(new Dictionary<string, object?> { ["education"] = "school", ["hours"] = 55, ["age"] = null });
        Assert.That((poor.Decoded, poor.Index), Is.EqualTo(("<=50K", 0)));

        // A whole table gives what its rows give, and classes by name.
        var table = People[..5];
        Assert.That(
            learn.Predict(table).Texts("income"),
            Is.EqualTo(table.Texts("education").Select((e, i) => learn.Predict(
                new { education = e, hours = table.Numbers("hours")[i], age = table.Numbers("age")[i] }).Decoded)));
        Check.Close(learn.GetPredictions(table).Sum(1), 1e-6, 1, 1, 1, 1, 1);
    }

    [Test]
    public void Amounts_AreUndoneFromLogarithms_Row62_Row65()
    {
        var learn = Regressor();
        Assert.That(learn.Validate().Metrics["exp_rmspe"], Is.LessThan(0.15));
        var row = new { education = "degree", hours = 50, age = 30 };
        var prediction = learn.Predict(row);
        Assert.That(prediction.Value, Is.EqualTo(5000).Within(15).Percent);
        Assert.That(prediction.Value, Is.EqualTo(Math.Exp(prediction.Output.Item())).Within(1e-9).Percent);
        Assert.That(prediction.Index, Is.EqualTo(-1));
        Assert.That(learn.Predict(People[..3]).Columns, Is.EqualTo(new[] { "pay" }));
    }

    [Test]
    public void ARow_IsRefusedByName_AndAnUnseenClassIsTakenForNone_Row59()
    {
        var learn = Classifier();
        var unseen = learn.Predict(new { education = "apprenticeship", hours = 50, age = 30 });
        var none = learn.Predict(new Dictionary<string, object?> { ["education"] = null, ["hours"] = 50, ["age"] = 30 });
        Check.Same(unseen.Output, none.Output);
        Assert.That(
            () => learn.Predict(new { education = "degree", age = 30 }),
            Throws.TypeOf<DataException>().With.Message.Contains("no column 'hours'"));
        Assert.That(
            () => learn.Predict(new { education = "degree", hours = (int?)null, age = 30 }),
            Throws.TypeOf<DataException>().With.Message.Contains("'hours' misses values, which it did not in training"));
        Assert.That(
            () => learn.Predict(new { education = "degree", hours = "many", age = 30 }),
            Throws.TypeOf<DataException>().With.Message.Contains("'hours'"));
    }

    [Test]
    public void BatchesAndSamples_ArePredictedAsByAnyLearner()
    {
        var learn = Classifier();
        var batch = learn.Data.Valid.Dataset[..4];
        Learner plain = learn;
        Check.Same(learn.Predict([.. batch.Inputs]), plain.Predict([.. batch.Inputs]));
        Assert.That(learn.Predict(learn.Data.Valid.Dataset[0]).Decoded, Is.AnyOf(">50K", "<=50K"));
    }

    [Test]
    public void RowsToLookAt_AreThoseOfTheTable_WithWhatIsPredicted()
    {
        var learn = Regressor(1);
        var shown = learn.ShowResults(3);
        Assert.That(shown.Columns, Is.EqualTo(new[] { "education", "age_na", "hours", "age", "pay", "prediction" }));
        var rows = People.Take(Splits.Random(People, 0.2, seed: 1).Valid)[..3];
        Assert.That(shown.Texts("education"), Is.EqualTo(rows.Texts("education")));
        Assert.That(shown.Numbers("hours"), Is.EqualTo(rows.Numbers("hours")).Within(1e-4));
        Assert.That(shown.Numbers("pay"), Is.EqualTo(rows.Numbers("pay")).Within(1e-3).Percent);
        Assert.That(shown.Numbers("prediction"), Is.EqualTo(learn.Predict(rows).Numbers("pay")).Within(1e-9).Percent);
        Assert.That(((TabularDataLoaders)learn.Data).ShowBatch(4).Count, Is.EqualTo(4));
        Assert.That(Classifier().ShowResults().Texts("prediction"), Has.All.AnyOf(">50K", "<=50K"));
    }

    [Test]
    public void Submission_HasTheNamesOfRows_AndWholeNumbers_Row68()
    {
        var learn = Regressor();
        var path = Path.Combine(House.Temporary(), "submission.csv");
        var test = People[..20].Drop("pay", "income");
        learn.WriteSubmission(path, test);
        var lines = File.ReadAllLines(path);
        Assert.That(lines[0], Is.EqualTo("Id,pay"));
        var expected = learn.Predict(test).Numbers("pay");
        Assert.That(lines[1..], Is.EqualTo(expected.Select((value, i) => $"{1000 + i},{(long)value}")));

        learn.WriteSubmission(path, test, whole: false);
        Assert.That(Table.ReadCsv(path).Numbers("pay"), Is.EqualTo(expected));
        Classifier().WriteSubmission(path, test, id: "Id");
        Assert.That(Table.ReadCsv(path).Texts("income"), Has.All.AnyOf(">50K", "<=50K"));
        Assert.That(() => learn.WriteSubmission(path, test, id: "Nr"), Throws.TypeOf<DataException>().With.Message.Contains("'Nr'"));
        Assert.That(() => learn.WriteSubmission(Path.Combine(path, "below"), test), Throws.TypeOf<DataException>().With.Message.Contains(path));
    }

    /// <summary>A model and its processing in one file: rows as they are give the same bits elsewhere.</summary>
    [Test]
    public void AnImportedLearner_PredictsTheSameOfRawRows()
    {
        foreach (var learn in new[] { Classifier(), Regressor(1) })
        {
            var path = Path.Combine(House.Temporary(), "table.safetensors");
            learn.Export(path);
            var other = TabularLearner.Import(path);
            Check.Same(other.GetPredictions(People), learn.GetPredictions(People));
            Assert.That(other.Predict(People[..9]).ToString(9), Is.EqualTo(learn.Predict(People[..9]).ToString(9)));
            Assert.That($"{other.Model}", Is.EqualTo($"{learn.Model}"));
            Assert.That(Learner.Import(path), Is.TypeOf<TabularLearner>());
            Assert.That(() => other.Fit(1, 0.1), Throws.InvalidOperationException.With.Message.Contains("training loader is empty"));

            var values = Safetensors.Load(path);
            var known = Safetensors.Metadata(path).ToDictionary();
            known["functionaldl.tabular"] = "{}";
            Safetensors.Save(path, values, known);
            Assert.That(() => TabularLearner.Import(path), Throws.TypeOf<DataException>().With.Message.Contains("network for tables cannot be read"));
            known["functionaldl.kind"] = "model";
            Safetensors.Save(path, values, known);
            Assert.That(() => TabularLearner.Import(path), Throws.TypeOf<DataException>().With.Message.Contains("not an exported learner for tables"));
        }
    }

    [Test]
    public void Seeds_GiveTheSameBits_AndSavedValuesComeBack()
    {
        var (first, second) = (Classifier(), Classifier());
        Assert.That(Clouds.Bits(second.Model), Is.EqualTo(Clouds.Bits(first.Model)));
        Assert.That(Clouds.Bits(Classifier(2).Model), Is.Not.EqualTo(Clouds.Bits(first.Model)));
        var path = Path.Combine(House.Temporary(), "values.safetensors");
        first.Save(path);
        var before = first.GetPredictions(People[..50]);
        first.FitOneCycle(1, 1e-2);
        Assert.That(Check.Bits(first.GetPredictions(People[..50])), Is.Not.EqualTo(Check.Bits(before)));
        first.Load(path);
        Check.Same(first.GetPredictions(People[..50]), before);
    }
}
