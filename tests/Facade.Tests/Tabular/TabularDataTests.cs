using FunctionalDL.Core;
using FunctionalDL.Data;
using NUnit.Framework;

namespace FunctionalDL.Tests;

public class TabularDataTests
{
    /// <summary>Rows 0, 1, 3 train; the rest judge.</summary>
    private static Table Mixed() => Table.FromColumns(
        ("shop", new[] { "b", "a", null, "b", "c" }),
        ("dist", new[] { 10, double.NaN, 30, 50, double.NaN }),
        ("temp", new[] { 1, 2, 3, 4, 10 }),
        ("sales", new[] { 100, 200, 300, 100, 400 }),
        ("kind", new[] { "u", "v", "w", "u", "v" }));

    private static TabularData Data(
        IReadOnlyList<TabularProc>? procs = null, YBlock? yBlock = null, string y = "sales", Table? table = null) => new(
        table ?? Mixed(), ["shop"], ["dist", "temp"], [y], procs, yBlock, ([0, 1, 3], [2, 4]));

    [Test]
    public void Procs_AreFittedOnTheTrainingRowsAlone_Row61()
    {
        var data = Data(yBlock: YBlock.Regression());
        Assert.That(data.CatNames, Is.EqualTo(new[] { "shop", "dist_na" }));
        Assert.That(data.ContNames, Is.EqualTo(new[] { "dist", "temp" }));
        Assert.That(data.Classes["shop"], Is.EqualTo(new[] { "#na#", "a", "b" }));
        Assert.That(data.Classes["dist_na"], Is.EqualTo(new[] { "#na#", "False", "True" }));
        Assert.That(data.Train.Inputs[0].ToArray<long>(), Is.EqualTo(new long[] { 2, 1, 1, 2, 2, 1 }));
        // Missing and unseen classes are 0.
        Assert.That(data.Valid.Inputs[0].ToArray<long>(), Is.EqualTo(new long[] { 0, 1, 0, 2 }));

        // dist 10, 30 (the median, filled in), 50: mean 30, deviation 20. temp 1, 2, 4: mean 7/3, deviation √(7/3).
        double T(double t) => (t - (7.0 / 3)) / Math.Sqrt(7.0 / 3);
        Check.Close(data.Train.Inputs[1], 1e-6, -1, T(1), 0, T(2), 1, T(4));
        Check.Close(data.Valid.Inputs[1], 1e-6, 0, T(3), 0, T(10));

        var changed = Data(yBlock: YBlock.Regression(), table: Mixed().With("temp", new[] { 1, 2, 999, 4, -999 }));
        Check.Same(changed.Train.Inputs[1], data.Train.Inputs[1]);
    }

    [Test]
    public void ARowAlone_GivesWhatItGivesAmongAll_Row61()
    {
        var data = Data();
        var all = data.Test(Mixed());

        for (var i = 0; i < all.Count; i++)
        {
            var one = data.Test(Mixed()[i..(i + 1)]);
            Check.Same(one.Inputs[0][0], all.Inputs[0][i]);
            Check.Same(one.Inputs[1][0], all.Inputs[1][i]);
        }
    }

    /// <summary>fastai's own test: three decimals.</summary>
    [Test]
    public void Normalize_IsFastaisTest_Row60()
    {
        var table = Table.FromColumns(("h", new[] { 180, 140, 122, 184, 102, 113 }), ("y", new[] { 0.0, 0, 0, 0, 0, 0 }));
        var data = new TabularData(table, [], ["h"], ["y"], [Procs.Normalize], splits: ([0, 1, 2], [3, 4, 5]));
        Check.Close(data.Valid.Inputs[0], 5e-4, 1.235, -1.527, -1.157);
        Assert.That(
            () => new TabularData(table.With("h", new[] { "a", "b", "c", "d", "e", "f" }), [], ["h"], ["y"]),
            Throws.TypeOf<DataException>().With.Message.Contains("'h'"));
    }

    [Test]
    public void FillMissing_HasThreeStrategies_AndOneColumnThatTells_Row58()
    {
        var table = Table.FromColumns(("x", new[] { 5, double.NaN, 1, 1, 3, 9 }), ("y", new[] { 0.0, 0, 0, 0, 0, 0 }));

        double Filled(TabularProc fill) =>
            new TabularData(table, [], ["x"], ["y"], [fill, Procs.Categorify], splits: (Enumerable.Range(0, 6).ToList(), []))
                .Train.Inputs[^1][1, 0].Item();

        Assert.That(Filled(Procs.FillMissing()), Is.EqualTo(3));
        Assert.That(Filled(Procs.FillMissing(FillStrategy.Common)), Is.EqualTo(1));
        Assert.That(Filled(Procs.FillMissing(FillStrategy.Constant, addCol: false, fillVal: -7)), Is.EqualTo(-7));
    }

    [Test]
    public void NumbersThatTrainingNeverMissed_MayNotBeMissingNow_Row58() =>
        Assert.That(
            () => Data().Test(Mixed().With("temp", new[] { 1, double.NaN, 3, 4, 5 })),
            Throws.TypeOf<DataException>().With.Message.Contains("'temp' misses values, which it did not in training"));

    [Test]
    public void WhatIsPredicted_IsInferred_UnlessTold_Row62()
    {
        Assert.That(Data().Vocab, Is.EqualTo(new[] { "100", "200" }), "whole numbers are classes");
        Assert.That(Data().Outputs, Is.EqualTo(2));
        Assert.That(Data().Train.Targets[0].ToArray<long>(), Is.EqualTo(new long[] { 0, 1, 0 }));
        Assert.That(Data(y: "kind").Vocab, Is.EqualTo(new[] { "u", "v" }));

        var amounts = Data(yBlock: YBlock.Regression(log: true));
        Assert.That((amounts.Vocab, amounts.Outputs), Is.EqualTo(((IReadOnlyList<string>?)null, 1)));
        Assert.That(amounts.Train.Targets[0].Shape, Is.EqualTo(new Shape(3, 1)));
        Check.Close(amounts.Train.Targets[0], 1e-6, Math.Log(100), Math.Log(200), Math.Log(100));
        Check.Close(amounts.Valid.Targets[0], 1e-6, Math.Log(300), Math.Log(400));

        var real = Data(y: "sales", table: Mixed().With("sales", new[] { 0.5, 1, 2, 3, 4 }));
        Check.Values(real.Train.Targets[0], 0.5, 1, 3);
    }

    [Test]
    public void RowsOfUnknownClasses_AreLeftOut_AndNamed_Row62()
    {
        var data = Data(y: "kind");
        Assert.That(data.UnknownClasses, Is.EqualTo(new[] { "w" }));
        Assert.That(data.Valid.Count, Is.EqualTo(1));
        Assert.That(data.Valid.Targets[0].ToArray<long>(), Is.EqualTo(new long[] { 1 }));
        var text = new StringWriter();
        _ = new TabularLearner(data.DataLoaders(1), seed: 1, output: text);
        Assert.That(text.ToString(), Does.Contain("training has no such class: 'w'"));
    }

    [Test]
    public void BadColumns_AreNamed()
    {
        void Fails(Action made, params string[] parts)
        {
            var message = Assert.Throws<DataException>(() => made())!.Message;
            Assert.That(parts.Where(part => !message.Contains(part, StringComparison.Ordinal)), Is.Empty, message);
        }

        Fails(() => new TabularData(Mixed(), ["nowhere"], [], ["sales"]), "'nowhere'", "the columns are shop, dist");
        Fails(() => new TabularData(Mixed(), ["shop"], [], ["dist"]), "'dist'", "the target is missing");
        Fails(() => Data(yBlock: YBlock.Regression(log: true), table: Mixed().With("sales", new[] { 1, 0, 3, 4, 5 })), "'sales', row 1: 0 has no logarithm");
        Fails(() => Data([Procs.Categorify]), "'dist', row 1: the number is missing", "FillMissing");
        Fails(() => Data([Procs.FillMissing()]), "'shop' holds texts", "Categorify");
        Fails(() => Data().Test(Mixed().Drop("shop")), "no column 'shop'");
        Fails(() => Data().Test(Mixed().With("shop", new[] { 1, 2, 3, 4, 5 })), "'shop' holds whole numbers, in training texts");
    }

    [Test]
    public void EmbeddingSizes_FollowTheRule_UnlessGiven_Row63()
    {
        var classes = new[] { 2, 3, 5, 10, 20, 50, 100, 1000 };
        var rows = 999;
        var table = Table.FromColumns(
            [.. classes.Select(n => ($"c{n}", (Array)Enumerable.Range(0, rows).Select(i => i % (n - 1)).ToArray())), ("y", new double[rows])]);
        var data = new TabularData(table, [.. classes.Select(n => $"c{n}")], [], ["y"], splits: (Enumerable.Range(0, rows).ToList(), []));
        Assert.That(
            data.EmbeddingSizes(),
            Is.EqualTo(classes.Zip(new[] { 2, 3, 4, 6, 9, 14, 21, 77 })));
        Assert.That(data.EmbeddingSizes(new Dictionary<string, int> { ["c20"] = 5 })[4], Is.EqualTo((20, 5)));
        Assert.That(
            () => data.EmbeddingSizes(new Dictionary<string, int> { ["c21"] = 5 }),
            Throws.TypeOf<OptionException>().With.Message.Contains("'c21' is no column of classes"));
    }

    [Test]
    public void Loaders_DropTheShortBatch_AndKnowTheClasses()
    {
        var loaders = Data(y: "kind").DataLoaders(batchSize: 2, seed: 1);
        Assert.That((loaders.Train.Count, loaders.Valid.BatchSize), Is.EqualTo((1, 4)));
        Assert.That(loaders.Classes, Is.EqualTo(new[] { "u", "v" }));
        Assert.That(loaders.Train.First().Inputs, Has.Count.EqualTo(2));
        Assert.That(Data().DataLoaders(batchSize: 2, dropLast: false).Train.Count, Is.EqualTo(2));
    }
}
