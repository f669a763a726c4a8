using NUnit.Framework;

namespace FunctionalDL.Tests;

public class DataTests
{
    private static TensorDataset Numbers(int count) =>
        new(Tensor.Arange(count).Unsqueeze(1), Tensor.Arange(count) * 10);

    private static List<long[]> Batches(DataLoader loader) => [.. loader.Select(b => b.Targets[0].ToArray<long>())];

    private static long[] Flat(DataLoader loader) => [.. Batches(loader).SelectMany(b => b)];

    /// <summary>Items made one by one, as a user's own dataset.</summary>
    private sealed class Squares(int count, int broken = -1) : Dataset
    {
        public override int Count => count;

        public override Sample this[int index] => index == broken
            ? throw new IOException("the file is gone")
            : new([Tensor.Scalar(index), Tensor.From([1f, index])], [Tensor.Scalar(index * index)]);
    }

    /// <summary>Checklist row 47.</summary>
    [Test]
    public void Dataset_IsIndexedByNumberRangeAndNumbers()
    {
        var data = Numbers(10);
        Assert.That(data.Count, Is.EqualTo(10));
        var (x, y) = data[3];
        Check.Values(x, 3);
        Assert.That(x.Shape.ToArray(), Is.EqualTo(new[] { 1 }));
        Check.Values(y, 30);

        var (xs, ys) = data[0..5];
        Assert.That(xs.Shape.ToArray(), Is.EqualTo(new[] { 5, 1 }));
        Check.Values(ys, 0, 10, 20, 30, 40);
        Assert.That(data[8..100].Count, Is.EqualTo(2), "cut to what there is");
        Check.Values(data[[7, 1, 7]].Targets[0], 70, 10, 70);
        Assert.That(() => data[10], Throws.TypeOf<ArgumentOutOfRangeException>());

        var again = new TensorDataset(xs, ys);
        Assert.That(again.Count, Is.EqualTo(5));
        Assert.That(() => new TensorDataset(xs, Tensor.Arange(4)), Throws.TypeOf<Core.ShapeException>().With.Message.Contains("[5; 1], [4]"));
    }

    [Test]
    public void OwnDataset_IsCollated_WithSeveralInputs()
    {
        var batch = new Squares(5)[1..4];
        Assert.That(batch.Count, Is.EqualTo(3));
        Check.Values(batch.Inputs[0], 1, 2, 3);
        Assert.That(batch.Inputs[1].Shape.ToArray(), Is.EqualTo(new[] { 3, 2 }));
        Check.Values(batch.Targets[0], 1, 4, 9);
        Assert.That(() => { var (_, _) = batch; }, Throws.InvalidOperationException.With.Message.Contains("Inputs"));
    }

    [Test]
    public void FailingItem_NamesItself()
    {
        var loader = new DataLoader(new Squares(5, broken: 3), 2);
        Assert.That(
            () => loader.ToList(),
            Throws.InvalidOperationException.With.Message.EqualTo("item 3 of 5 cannot be read: the file is gone"));
    }

    [Test]
    public void Subset_PicksItems()
    {
        var subset = new Subset(Numbers(10), [9, 0, 5]);
        Assert.That(subset.Count, Is.EqualTo(3));
        Check.Values(subset[0].Targets[0], 90);
        Check.Values(subset[..].Targets[0], 90, 0, 50);
        Check.Values(new Subset(Numbers(10), ^2..)[..].Targets[0], 80, 90);
        Assert.That(() => new Subset(Numbers(3), [3]), Throws.TypeOf<ArgumentOutOfRangeException>());
    }

    /// <summary>Checklist rows 48 and 49 (E03-28).</summary>
    [Test]
    public void Loader_KeepsTheOrder_AndTheShortLastBatch_AndStartsAgain()
    {
        var loader = new DataLoader(Numbers(10), 3);
        var expected = new long[][] { [0, 10, 20], [30, 40, 50], [60, 70, 80], [90] };
        Assert.That(Batches(loader), Is.EqualTo(expected));
        Assert.That(Batches(loader), Is.EqualTo(expected), "each enumeration restarts");
        Assert.That(loader.Count, Is.EqualTo(4));
    }

    /// <summary>The counts of the lessons' 50,000 and 10,000 digits: 781 · 64 + 16, and 78 · 128 + 16.</summary>
    [Test]
    public void Loaders_OfTheLessonsSizes_HaveTheLessonsBatches_Row48_Row51_Row52()
    {
        var (train, valid) = (Numbers(50_000), Numbers(10_000));
        var all = new DataLoader(train, 64).Select(b => b.Count).ToList();
        Assert.That((all.Count, all[^1]), Is.EqualTo((782, 16)));
        Assert.That(all[..^1], Is.All.EqualTo(64));

        var dropped = new DataLoader(train, 64, shuffle: true, dropLast: true, seed: 1).Select(b => b.Count).ToList();
        Assert.That(dropped, Has.Count.EqualTo(781).And.All.EqualTo(64));

        var loaders = new DataLoaders(train, valid, 64);
        Assert.That(loaders.Valid.Select(b => b.Count), Is.EqualTo(Enumerable.Repeat(128, 78).Append(16)));
    }

    /// <summary>Checklist row 49 (E03-29).</summary>
    [Test]
    public void Loader_Shuffles_AnewForEachPass()
    {
        var loader = new DataLoader(Numbers(10), 3, shuffle: true);
        var (first, second) = (Batches(loader), Batches(loader));
        Assert.That(first.Select(b => b.Length), Is.EqualTo(new[] { 3, 3, 3, 1 }));
        Assert.That(first.SelectMany(b => b), Is.EquivalentTo(Enumerable.Range(0, 10).Select(i => 10L * i)));
        Assert.That(first.SelectMany(b => b), Is.Not.EqualTo(second.SelectMany(b => b)), "one in 3,628,800 fails");
    }

    [Test]
    public void Loader_ShufflesInputsAndTargetsAlike()
    {
        foreach (var (x, y) in new DataLoader(Numbers(20), 6, shuffle: true))
        {
            Check.Same(x.Squeeze(1) * 10, y);
        }
    }

    [Test]
    public void Loader_OrdersFollowFromTheSeed()
    {
        var (a, b) = (new DataLoader(Numbers(50), 7, shuffle: true, seed: 3), new DataLoader(Numbers(50), 7, shuffle: true, seed: 3));
        var first = Flat(a);
        Assert.That(Flat(b), Is.EqualTo(first));
        var second = Flat(a);
        Assert.That(second, Is.Not.EqualTo(first));
        Assert.That(Flat(b), Is.EqualTo(second), "pass by pass");
        Assert.That(Flat(new DataLoader(Numbers(50), 7, shuffle: true, seed: 4)), Is.Not.EqualTo(first));
        Assert.That(Flat(new DataLoader(Numbers(50), 7, shuffle: true)), Is.Not.EqualTo(Flat(new DataLoader(Numbers(50), 7, shuffle: true))));
    }

    [Test]
    public void Loader_PassesThatOverlap_DoNotDisturbEachOther()
    {
        var loader = new DataLoader(Numbers(6), 2, shuffle: true, seed: 1);
        var pairs = loader.Zip(loader, (a, b) => (a.Targets[0].ToArray<long>(), b.Targets[0].ToArray<long>())).ToList();
        var fresh = new DataLoader(Numbers(6), 2, shuffle: true, seed: 1);
        Assert.That(pairs.SelectMany(p => p.Item1), Is.EqualTo(Flat(fresh)));
        Assert.That(pairs.SelectMany(p => p.Item2), Is.EqualTo(Flat(fresh)));
    }

    /// <summary>Checklist row 51.</summary>
    [Test]
    public void Loader_DropsAShortLastBatch_WhenAsked()
    {
        Assert.That(new DataLoader(Numbers(50_000), 64, shuffle: true, dropLast: true).Count, Is.EqualTo(781));
        Assert.That(new DataLoader(Numbers(50_000), 64).Count, Is.EqualTo(782));
        var loader = new DataLoader(Numbers(10), 3, dropLast: true);
        Assert.That(Batches(loader).Select(b => b.Length), Is.EqualTo(new[] { 3, 3, 3 }));
    }

    /// <summary>Checklist row 50.</summary>
    [Test]
    public void Loader_CollatesAsAsked()
    {
        var plain = Batches(new DataLoader(Numbers(7), 3));
        Assert.That(Batches(new DataLoader(Numbers(7), 3, collateFn: Batch.Collate)), Is.EqualTo(plain));
        var doubled = new DataLoader(
            Numbers(7),
            3,
            collateFn: s => new Batch(
                Tensor.Stack([.. s.Select(i => i.Inputs[0])]), Tensor.Stack([.. s.Select(i => i.Targets[0])]) * 2));
        Assert.That(Flat(doubled), Is.EqualTo(plain.SelectMany(b => b).Select(v => 2 * v)));
    }

    /// <summary>Checklist row 52.</summary>
    [Test]
    public void Loaders_DoubleTheValidationBatch()
    {
        var data = new DataLoaders(Numbers(100), Numbers(10_000), 64);
        Assert.That(data.Train.Shuffle, Is.True);
        Assert.That(data.Train.BatchSize, Is.EqualTo(64));
        Assert.That(data.Valid.Shuffle, Is.False);
        Assert.That(data.Valid.Count, Is.EqualTo(79));
    }

    [Test]
    public void Loader_RefusesAnEmptyBatch() =>
        Assert.That(() => new DataLoader(Numbers(3), 0), Throws.TypeOf<Core.OptionException>().With.Message.Contains("batchSize: 0"));

    [Test]
    public void FromIdx_KeepsBytes()
    {
        var data = ImageData.FromIdx(House.Digits);
        Assert.That(data.Train.Inputs[0].DType, Is.EqualTo(DType.UInt8));
        Assert.That(data.Train.Inputs[0].Shape.ToArray(), Is.EqualTo(new[] { 12_000, 28, 28 }));
        Assert.That(data.Train.Targets[0].DType, Is.EqualTo(DType.Int64));
        Assert.That(data.Test.Count, Is.EqualTo(2_000));
        Assert.That((data.Height, data.Width, data.Classes), Is.EqualTo((28, 28, 10)));
        Assert.That(data.Test.Targets[0].ToArray<long>().GroupBy(c => c).Select(g => g.Count()), Is.All.EqualTo(200));
    }

    [Test]
    public void FromIdx_ReadsMnist()
    {
        var data = ImageData.FromIdx(House.Mnist());
        Check.Values(data.Train[0..5].Targets[0], 5, 0, 4, 1, 9);
        Check.Values(data.Test[0..5].Targets[0], 7, 2, 1, 0, 4);
    }

    [Test]
    public void FromIdx_NamesTheFolder_WhenItIsMissing_AndTheFile_WhenALabelIsNoClass()
    {
        Assert.That(() => ImageData.FromIdx("/nowhere"), Throws.TypeOf<Data.DataException>().With.Message.Contains("/nowhere"));
        Assert.That(
            () => ImageData.FromIdx(House.Digits, classes: 9),
            Throws.TypeOf<Data.DataException>().With.Message.Contains("labels").And.Message.Contains("0 to 8"));
    }
}
