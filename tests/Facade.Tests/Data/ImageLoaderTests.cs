using NUnit.Framework;

namespace FunctionalDL.Tests;

/// <summary>Pictures from files to batches: labels, parts, changes at random, normalisation, grids to look at.</summary>
public class ImageLoaderTests
{
    private static string Shapes => Path.Combine(House.Root, "data", "shapes", "second");

    private static readonly ImageOptions Small = new() { Size = 32, BatchSize = 10, Seed = 3 };

    private static List<double[]> Inputs(IEnumerable<Batch> batches) =>
        [.. batches.Select(b => b.Inputs[0].To(DType.Float64).ToArray<double>())];

    private static List<long> Labels(IEnumerable<Batch> batches) =>
        [.. batches.SelectMany(b => b.Targets[0].ToArray<long>())];

    [Test]
    public void Folders_AreThePartsAndTheClasses()
    {
        var data = ImageDataLoaders.FromFolder(Shapes, Small);
        Assert.That(data.Classes, Is.EqualTo(new[] { "arrow", "crescent", "heart", "hexagon" }));
        Assert.That((data.Train.Dataset.Count, data.Valid.Dataset.Count), Is.EqualTo((80, 160)));
        var (x, y) = data.Valid.First();
        Assert.That(x.Shape.ToArray(), Is.EqualTo(new[] { 20, 3, 32, 32 }));
        Assert.That(y.ToArray<long>(), Is.All.EqualTo(0), "validation is in order, and the first class is the first folder");
        // 20 of each class are trained on.
        Assert.That(Labels(data.Train).CountBy(c => c).Select(c => c.Value), Is.All.EqualTo(20));
    }

    [Test]
    public void NamesAndTables_TellTheSameClasses_AsFolders()
    {
        var folder = Path.Combine(Shapes, "train");
        var byFolder = ImageFiles.FromFolder(folder);
        var byName = ImageFiles.FromNameRegex(folder, @"([^/]+)_\d+.png$");
        var byTable = ImageFiles.FromCsv(Shapes, Path.Combine(Shapes, "train.csv"));
        var byFunction = ImageFiles.FromFunc(folder, path => Path.GetFileName(path).Split('_')[0]);

        foreach (var files in new[] { byName, byTable, byFunction })
        {
            Assert.That(files.Classes, Is.EqualTo(byFolder.Classes));
            Assert.That(files.Labels, Is.EqualTo(byFolder.Labels));
            Assert.That(files.Files.Select(Path.GetFullPath), Is.EqualTo(byFolder.Files.Select(Path.GetFullPath)));
        }

        var parts = ImageDataLoaders.FromNameRegex(folder, @"([^/]+)_\d+.png$", Small with { ValidPct = 0.25 });
        Assert.That((parts.Train.Dataset.Count, parts.Valid.Dataset.Count), Is.EqualTo((60, 20)));
        var again = ImageDataLoaders.FromCsv(Shapes, Path.Combine(Shapes, "train.csv"), Small with { ValidPct = 0.25 });
        Assert.That(Labels(again.Valid), Is.EqualTo(Labels(parts.Valid)), "the same seed is the same split");
        Assert.That(
            () => ImageFiles.FromNameRegex(folder, @"([^/]+)_\d+.jpg$"),
            Throws.TypeOf<Data.DataException>().With.Message.Contains("Failed to find"));
    }

    [Test]
    public void Row76_TheSameItem_IsAnotherPictureEachTime_AndTheSameOneWithoutChanges()
    {
        var data = ImageDataLoaders.FromFolder(Shapes, Small);
        var nine = Enumerable.Range(0, 9).Select(_ => data.Train.Dataset[3]).ToList();
        Assert.That(nine.Select(s => string.Join(' ', s.Inputs[0].ToArray<float>())).Distinct().Count(), Is.EqualTo(9));
        Assert.That(nine.Select(s => s.Targets[0].Item()), Is.All.EqualTo(nine[0].Targets[0].Item()), "the label stays");
        Check.Same(data.Valid.Dataset[3].Inputs[0], data.Valid.Dataset[3].Inputs[0]);
    }

    [Test]
    public void Batches_FollowFromTheSeed_WhateverTheNumberOfWorkers()
    {
        ImageDataLoaders With(int workers, long seed) =>
            ImageDataLoaders.FromFolder(Shapes, Small with { NumWorkers = workers, Seed = seed });

        var (none, three) = (With(0, 3), With(3, 3));
        var (first, second) = (Inputs(none.Train), Inputs(none.Train));
        Assert.That(Inputs(three.Train), Is.EqualTo(first));

        // A pass that is left early changes nothing for the next.
        var other = With(2, 3);
        _ = other.Train.First();
        Assert.That(Inputs(other.Train), Is.EqualTo(second));
        Assert.That(first, Is.Not.EqualTo(second), "each pass has changes of its own");
        Assert.That(Inputs(With(0, 4).Train), Is.Not.EqualTo(first));
        Assert.That(Inputs(none.Valid), Is.EqualTo(Inputs(three.Valid)));
    }

    [Test]
    public void ALearner_IsRepeatedByItsSeed_WithChangesAtRandom()
    {
        double[] Losses(long seed)
        {
            var data = ImageDataLoaders.FromFolder(Shapes, Small with { Size = 8, NumWorkers = 2, Seed = null });
            var learn = new Learner(data, new Sequential(new Flatten(), new Linear(192, 4)), FunctionalDL.Losses.CrossEntropy, seed: seed);
            learn.Fit(2, lr: 0.01);
            return [.. learn.Recorder.Losses.Select(l => (double)l)];
        }

        Assert.That(Losses(1), Is.EqualTo(Losses(1)));
        Assert.That(Losses(1), Is.Not.EqualTo(Losses(2)));
    }

    [Test]
    public void Row84_OneItem_IsTheBatchThatIsBuiltByHand()
    {
        var data = ImageDataLoaders.FromFolder(Shapes, Small);
        var files = ImageFiles.FromFolder(Path.Combine(Shapes, "valid")).Transformed(Small, isTraining: false);
        var byHand = ImageStats.ImageNet.Normalize(files[5].Inputs[0].Unsqueeze(0));
        Check.Same(byHand, data.OneItem(5).Inputs[0]);
        Check.Same(byHand, data.OneItem(files.Files[5]).Inputs[0]);
        var back = ImageStats.ImageNet.Denormalize(byHand);
        Assert.That((back - files[5].Inputs[0]).Abs().Max().Item(), Is.LessThan(1e-6));
    }

    [Test]
    public void Normalisation_IsOfTheBatch_AndMayBeLeftOut()
    {
        var plain = ImageDataLoaders.FromFolder(Shapes, Small with { Stats = null });
        var (x, _) = plain.Valid.First();
        Assert.That((x.Min().Item(), x.Max().Item()), Is.EqualTo((0.0, 1.0)).Within(0.1));
        var stats = ImageStats.Of(x);
        var (normal, _) = ImageDataLoaders.FromFolder(Shapes, Small with { Stats = stats }).Valid.First();
        Assert.That(normal.Mean([0, 2, 3]).ToArray<float>(), Is.All.EqualTo(0).Within(1e-4));
        Assert.That(normal.Std([0, 2, 3]).ToArray<float>(), Is.All.EqualTo(1).Within(1e-4));
        Assert.That(() => new ImageStats([0.5], [0]), Throws.ArgumentException.With.Message.Contains("deviation of channel 0"));
    }

    [Test]
    public void Row76_GridsOfPictures_AreWritten_AsPngAndAsPage_AlsoOfNormalisedOnes()
    {
        var data = ImageDataLoaders.FromFolder(Shapes, Small);
        var folder = House.Temporary();
        var png = Path.Combine(folder, "grid.png");
        data.ShowAugmented(png, 3, rows: 3);
        var grid = Data.Images.read(png);
        Assert.That((grid.Width, grid.Height), Is.EqualTo((104, 104)), "three of 32 with margins of 2");

        byte[] Tile(int row, int column) =>
            [.. Enumerable.Range(0, 32).SelectMany(y => grid.Samples.Skip(3 * ((((2 + (34 * row)) + y) * 104) + 2 + (34 * column))).Take(96))];

        var tiles = Enumerable.Range(0, 9).Select(i => Tile(i / 3, i % 3)).ToList();
        Assert.That(tiles.Select(Convert.ToBase64String).Distinct().Count(), Is.EqualTo(9));

        // What was normalised is shown as it was.
        var plain = ImageDataLoaders.FromFolder(Shapes, Small with { Transforms = [] });
        var single = Path.Combine(folder, "single.png");
        plain.ShowAugmented(single, 7, rows: 1);
        var shown = Data.Images.read(single);
        var expected = (plain.Train.Dataset[7].Inputs[0] * 255).ToArray<float>();

        var off = Enumerable.Range(0, 3 * 32 * 32).Max(i =>
            Math.Abs(expected[i] - shown.Samples[(3 * (((2 + (i / 32 % 32)) * 36) + 2 + (i % 32))) + (i / 1024)]));
        Assert.That(off, Is.LessThan(0.51), "rounded to whole bytes");

        var page = Path.Combine(folder, "batch.html");
        data.ShowBatch(page);
        Assert.That(File.ReadAllText(page).Split("data:image/png").Length - 1, Is.EqualTo(9));
        Assert.That(File.ReadAllText(page), Does.Match("arrow|crescent|heart|hexagon"));
    }

    [Test]
    public void Transforms_AreFastaisByDefault_AndMoreCanBeAdded()
    {
        var names = ImageTransform.GetTransforms(extra: [ImageTransform.Cutout(length: 8, p: 0.5), ImageTransform.Tilt(0.2)]).Select(t => $"{t}");
        Assert.That(names, Is.EqualTo(new[]
        {
            "rand_crop(p=1)", "flip_lr(p=0.5)", "symmetric_warp(p=0.75)", "rotate(p=0.75)", "rand_zoom(p=0.75)", "brightness(p=0.75)", "contrast(p=0.75)",
            "cutout(p=0.5)", "tilt(p=1)",
        }));
        Assert.That(ImageTransform.RandResizeCrop(32).Name, Is.EqualTo("rand_resize_crop"));
        Assert.That(() => ImageTransform.Jitter(0.1, p: 2), Throws.ArgumentException.With.Message.Contains("p is 2"));

        // Half of a batch has a black hole of 8 by 8; nothing else is black in a grey picture.
        var root = House.Temporary();
        Directory.CreateDirectory(Path.Combine(root, "grey"));
        Data.Png.write(Path.Combine(root, "grey", "1.png"), new Data.Bitmap(16, 16, 3, [.. Enumerable.Repeat((byte)128, 768)]));
        var holes = ImageFiles.FromFolder(root).Transformed(new() { Size = 16, Seed = 1, Transforms = [ImageTransform.Cutout(1, 8, 0.5)] }, isTraining: true);
        var black = Enumerable.Range(0, 100).Select(_ => holes[0].Inputs[0].ToArray<float>().Count(v => v == 0)).ToList();
        Assert.That(black.Max(), Is.EqualTo(3 * 64));
        Assert.That(black.Count(c => c > 0), Is.InRange(30, 70), "four deviations around a half");
    }

    [Test]
    public void APictureThatCannotBeRead_IsNamed()
    {
        var root = House.Temporary();
        Directory.CreateDirectory(Path.Combine(root, "cat"));
        File.WriteAllText(Path.Combine(root, "cat", "broken.png"), "no picture");
        var data = ImageDataLoaders.FromFiles(ImageFiles.FromFolder(root), Small with { ValidPct = 0.5 });
        Assert.That(() => data.Train.First(), Throws.InvalidOperationException.With.Message.Contains("item 0 of 1").And.Message.Contains("broken.png"));
        Assert.That(() => ImageDataLoaders.FromFolder(Shapes, new() { Size = 0 }), Throws.TypeOf<Core.OptionException>().With.Message.Contains("size: 0 × 0"));
    }
}
