using NUnit.Framework;

namespace FunctionalDL.Tests;

public class LoaderTests
{
    private static readonly TensorDataset Ten = new(Tensor.Arange(10), Tensor.Arange(10) * 10);

    private static int[] Numbers(Batch batch) => batch.Inputs[0].ToArray<int>();

    private static int[][] Numbers(DataLoader loader) => [.. loader.Select(Numbers)];

    [Test]
    public void Samplers_GiveTheLessonsOrders_Row49()
    {
        Assert.That(
            new BatchSampler(new SequentialSampler(Ten), 3), Is.EqualTo(new[] { new[] { 0, 1, 2 }, [3, 4, 5], [6, 7, 8], [9] }));
        Assert.That(new BatchSampler(new SequentialSampler(Ten), 3, dropLast: true).Count(), Is.EqualTo(3));

        var random = new RandomSampler(Ten, seed: 1);
        var (first, second) = (random.ToList(), random.ToList());
        Assert.That(first, Is.EquivalentTo(Enumerable.Range(0, 10)));
        Assert.That(second, Is.EquivalentTo(Enumerable.Range(0, 10)));
        Assert.That(second, Is.Not.EqualTo(first), "a new order each time");
        Assert.That(new RandomSampler(Ten, seed: 1).ToList(), Is.EqualTo(first), "the same from the same seed");
        Assert.That(new BatchSampler(random, 3).Select(b => b.Count), Is.EqualTo(new[] { 3, 3, 3, 1 }));
    }

    [Test]
    public void WeightedSampler_DrawsByItsWeights()
    {
        var drawn = new WeightedRandomSampler([1, 0, 3], 4000, seed: 2).ToList();
        Assert.That(drawn, Has.Count.EqualTo(4000).And.None.EqualTo(1));
        // 3000 of 4000 on average; the deviation is √(4000 · 0.75 · 0.25) = 27.
        Assert.That(drawn.Count(i => i == 2), Is.InRange(3000 - 137, 3000 + 137));
        Assert.That(() => new WeightedRandomSampler([0, 0]), Throws.TypeOf<Core.OptionException>());
        Assert.That(() => new WeightedRandomSampler([1, -1]), Throws.TypeOf<Core.OptionException>());
    }

    [Test]
    public void LoadersTakeSamplers_Row51()
    {
        Assert.That(Numbers(new DataLoader(Ten, 4, sampler: new SequentialSampler(Ten))), Is.EqualTo(Numbers(new DataLoader(Ten, 4))));
        Assert.That(
            Numbers(new DataLoader(Ten, batchSampler: new BatchSampler(new SequentialSampler(Ten), 6))).Select(b => b.Length),
            Is.EqualTo(new[] { 6, 4 }));
        var dropped = new DataLoader(Ten, 4, shuffle: true, dropLast: true, seed: 1);
        Assert.That(Numbers(dropped).Select(b => b.Length), Is.EqualTo(new[] { 4, 4 }));
        Assert.That(dropped.Count, Is.EqualTo(2));
        Assert.That(
            Numbers(new DataLoader(Ten, 4, sampler: new RandomSampler(Ten), seed: 1)),
            Is.EqualTo(Numbers(new DataLoader(Ten, 4, shuffle: true, seed: 1))),
            "the loader's seed says the order");
        Assert.That(() => new DataLoader(Ten, shuffle: true, sampler: new RandomSampler(Ten)), Throws.TypeOf<Core.OptionException>());
    }

    private sealed class Slow(int failing = -1) : Dataset
    {
        public override int Count => 20;

        public override Sample this[int index]
        {
            get
            {
                // Later items are sooner done.
                Thread.Sleep(20 - index);
                return index == failing
                    ? throw new FormatException("it is spoilt")
                    : new Sample(Tensor.Scalar(index), Tensor.Scalar(-index));
            }
        }
    }

    [TestCase(0)]
    [TestCase(1)]
    [TestCase(4)]
    public void Batches_DoNotDependOnTheWorkers_Row51(int workers)
    {
        var expected = Enumerable.Range(0, 20).Chunk(3).ToArray();
        Assert.That(Numbers(new DataLoader(new Slow(), 3, numWorkers: workers)), Is.EqualTo(expected));
        Assert.That(
            Numbers(new DataLoader(new Slow(), 3, shuffle: true, seed: 4, numWorkers: workers)),
            Is.EqualTo(Numbers(new DataLoader(new Slow(), 3, shuffle: true, seed: 4))));
    }

    [TestCase(0)]
    [TestCase(3)]
    public void AFailingItem_NamesItself_InItsTurn(int workers)
    {
        var seen = 0;
        var loader = new DataLoader(new Slow(failing: 10), 3, numWorkers: workers);
        var error = Assert.Throws<InvalidOperationException>(() =>
        {
            foreach (var batch in loader)
            {
                seen += batch.Count;
            }
        })!;
        Assert.That(error.Message, Does.Contain("item 10 of 20").And.Contain("it is spoilt"));
        Assert.That(seen, Is.EqualTo(9));
    }

    [Test]
    public void APassThatIsLeft_LeavesNoWorkBehind()
    {
        var loader = new DataLoader(new Slow(), 3, numWorkers: 2);
        Assert.That(Numbers(loader.First()), Is.EqualTo(new[] { 0, 1, 2 }));
        Assert.That(Numbers(loader.First()), Is.EqualTo(new[] { 0, 1, 2 }), "and may be begun again");
    }

    [Test]
    public void Workers_TrainToTheSameBits()
    {
        long[] Fitted(int workers)
        {
            var train = new DataLoader(Clouds.Train, 8, shuffle: true, numWorkers: workers);
            var learn = Clouds.Learner(data: new DataLoaders(train, new DataLoader(Clouds.Valid, 16, numWorkers: workers)));
            learn.Fit(2, 0.1);
            return Clouds.Bits(learn.Model);
        }

        Assert.That(Fitted(3), Is.EqualTo(Fitted(0)));
    }

    [Test]
    public void Collate_MakesTheBatch_Row50()
    {
        static Batch Summed(IReadOnlyList<Sample> samples) =>
            new(Tensor.From([samples.Sum(s => s.Inputs[0].Item())]), Tensor.From([0L]));
        Assert.That(new DataLoader(Ten, 4, collateFn: Summed).Select(b => b.Inputs[0].Item()), Is.EqualTo(new[] { 6.0, 22, 17 }));
    }

    [Test]
    public void Splits_PartTheItems()
    {
        static int[] Of(Subset part) => part.Count == 0 ? [] : Numbers(part[..]);
        var (train, valid) = Splits.Random(Ten, 0.3, seed: 5);
        Assert.That((train.Count, valid.Count), Is.EqualTo((7, 3)));
        Assert.That(Of(train).Concat(Of(valid)), Is.EquivalentTo(Enumerable.Range(0, 10)));
        Assert.That(Of(Splits.Random(Ten, 0.3, seed: 5).Valid), Is.EqualTo(Of(valid)));

        var byIndex = Splits.ByIndex(Ten, [7, 1]);
        Assert.That(Of(byIndex.Valid), Is.EqualTo(new[] { 7, 1 }));
        Assert.That(Of(byIndex.Train), Is.EqualTo(new[] { 0, 2, 3, 4, 5, 6, 8, 9 }));

        var byColumn = Splits.ByColumn(Ten, [.. Enumerable.Range(0, 10).Select(i => i >= 8)]);
        Assert.That(Of(byColumn.Valid), Is.EqualTo(new[] { 8, 9 }));
        Assert.That(() => Splits.ByColumn(Ten, [true]), Throws.TypeOf<Core.ShapeException>());
        Assert.That(() => Splits.Random(Ten, 1), Throws.TypeOf<Core.OptionException>());
    }

    [Test]
    public void ImageFiles_NameClassesByFolders_AndAreSplitByThem()
    {
        var root = House.Temporary();

        foreach (var file in new[] { "train/cat/b.png", "train/dog/a.png", "train/cat/a.png", "valid/cat/c.png", "train/cat/.hidden.png", "train/cat/notes.txt" })
        {
            var path = Path.Combine(root, file);
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            File.WriteAllText(path, $"{file.Length}");
        }

        var images = ImageFiles.FromFolder(root).ReadBy(file => Tensor.From([double.Parse(File.ReadAllText(file))]));
        Assert.That(images.Classes, Is.EqualTo(new[] { "cat", "dog" }));
        Assert.That(images.Files.Select(f => Path.GetRelativePath(root, f)), Is.EqualTo(new[] { "train/cat/a.png", "train/cat/b.png", "train/dog/a.png", "valid/cat/c.png" }));
        Assert.That(images[2].Targets[0].Item(), Is.EqualTo(1));
        var (train, valid) = Splits.ByFolder(images);
        Assert.That((train.Count, valid.Count), Is.EqualTo((3, 1)));
        Assert.That(() => Splits.ByFolder(images, valid: "test"), Throws.TypeOf<Core.OptionException>().With.Message.Contains("test"));

        File.WriteAllText(images.Files[1], "no number");
        Assert.That(() => images[1], Throws.TypeOf<FunctionalDL.Data.DataException>().With.Message.Contains(images.Files[1]));
        Assert.That(() => ImageFiles.FromFolder(Path.Combine(root, "none")), Throws.TypeOf<FunctionalDL.Data.DataException>());
    }

    [Test]
    public void DataLoaders_ShowWhatIsInThem()
    {
        var images = ImageData.FromIdx(House.Digits);
        var test = new DataLoader(images.Test, 10);
        var data = new DataLoaders(new DataLoader(images.Train, 9), test, test) { Classes = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"] };
        Assert.That(data.OneBatch().Count, Is.EqualTo(9));
        Assert.That(data.OneItem(3).Inputs[0].Shape.ToArray(), Is.EqualTo(new[] { 1, 28, 28 }));
        Check.Same(data.OneItem(3).Inputs[0][0], images.Test[3].Inputs[0]);
        var path = Path.Combine(House.Temporary(), "batch.html");
        data.ShowBatch(path, rows: 2);
        var page = File.ReadAllText(path);
        Assert.That(page.Split("data:image/png").Length - 1, Is.EqualTo(4));
        Assert.That(page, Does.Contain(data.Classes[(int)images.Train[0].Targets[0].Item()]));
    }

    /// <summary>Normalised pictures look as those that they were made of; numbers that are no pictures have none.</summary>
    [Test]
    public void ShowBatch_ShowsRealNumbers_FromTheirLeastToTheirGreatest()
    {
        string Page(Tensor x)
        {
            var path = Path.Combine(House.Temporary(), "batch.html");
            var items = new TensorDataset(x, Tensor.From([0L]));
            new DataLoaders(new DataLoader(items), new DataLoader(items)).ShowBatch(path);
            return File.ReadAllText(path);
        }

        // From 0 to 255, so that bytes are what the stretch gives.
        var bytes = Tensor.From([.. Enumerable.Range(0, 48).Select(i => (byte)(i * 255 / 47))], [1, 3, 4, 4]);
        Assert.That(Page(((bytes.To(DType.Float32) / 255) - 0.45) / 0.22), Is.EqualTo(Page(bytes)));
        Assert.That(Page(bytes), Does.Contain("data:image/png"));
        Assert.That(Page(Tensor.Ones([1, 4])), Does.Not.Contain("data:image/png"));
    }
}
