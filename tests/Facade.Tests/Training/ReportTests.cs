using System.Buffers.Binary;
using System.Globalization;
using System.IO.Compression;
using System.Net;
using System.Text;
using System.Text.RegularExpressions;
using FunctionalDL.Data;
using NUnit.Framework;

namespace FunctionalDL.Tests;

public class ReportTests
{
    private const int Side = 5;
    private static readonly TensorDataset Train = Pictures(60, 1);
    private static readonly TensorDataset Valid = Pictures(47, 2);

    /// <summary>
    /// Noise with a brighter row for each of three classes: too little for a network to be always right.
    /// </summary>
    private static TensorDataset Pictures(int count, long seed)
    {
        var labels = Enumerable.Range(0, count).Select(i => (long)(i % 3)).ToArray();
        var noise = 200 * Tensor.Rand([count, Side, Side], new Generator(seed));
        var row = Tensor.From(labels).OneHot(Side).Unsqueeze(2) * 25;
        return new TensorDataset((noise + row).To(DType.UInt8), Tensor.From(labels));
    }

    private static Learner Fitted(int epochs = 3)
    {
        var learn = new Learner(
            new DataLoaders(Train, Valid, 8),
            new Sequential(Normalize.Fit(Train.Inputs[0]), new Flatten(), new Linear(Side * Side, 3)),
            Losses.CrossEntropy,
            metrics: [Metrics.Accuracy],
            seed: 1,
            silent: true);

        if (epochs > 0)
        {
            learn.Fit(epochs, lr: 0.1);
        }

        return learn;
    }

    private static string Written(Learner learn, Action<string, Learner>? write = null)
    {
        var path = Path.Combine(House.Temporary(), "report.html");
        (write ?? ((p, l) => Report.Write(p, l)))(path, learn);
        Assert.That(Directory.GetFileSystemEntries(Path.GetDirectoryName(path)!), Is.EqualTo(new[] { path }));
        return File.ReadAllText(path);
    }

    private static string[] All(string page, string pattern) =>
        [.. Regex.Matches(page, pattern, RegexOptions.Singleline).Select(m => m.Groups[1].Value)];

    private static string Text(double value, string format) => value.ToString(format, CultureInfo.InvariantCulture);

    /// <summary>The part of the page under a heading.</summary>
    private static string Section(string page, string title) =>
        All(page, $"<section>\n<h2>{title}</h2>(.*?)</section>").Single();

    [Test]
    public void Figures_AreThoseOfTheEvaluationAndTheEpochs()
    {
        var learn = Fitted();
        var test = learn.Validate(new DataLoader(Train, 16));
        var page = Written(learn, (p, l) => Report.Write(
            p, l, settings: [new("seed", "1")], evaluations: new Dictionary<string, Evaluation> { ["test"] = test }));
        var valid = learn.Validate();

        Assert.That(
            All(Section(page, "Results"), "<dd>(.*?)</dd>"),
            Is.EqualTo(
                new[] { valid.Metrics["accuracy"], valid.Loss, test.Metrics["accuracy"], test.Loss }
                    .Select(x => Text(x, "F4"))));

        var cells = All(Section(page, "Training"), "<td>(.*?)</td>").Chunk(5).ToList();
        Assert.That(cells, Has.Count.EqualTo(3));

        foreach (var (row, epoch) in cells.Zip(learn.Recorder.Epochs))
        {
            Assert.That(row[0], Is.EqualTo($"{epoch.Epoch + 1}"));
            Assert.That(row[1], Is.EqualTo(Text(epoch.TrainLoss, "F6")));
            Assert.That(row[2], Is.EqualTo(Text(epoch.Valid.Loss, "F6")));
            Assert.That(row[3], Is.EqualTo(Text(epoch.Valid.Metrics["accuracy"], "F6")));
        }

        var marks = All(Section(page, "Training"), "<circle[^>]*><title>(.*?)</title>");
        Assert.That(marks, Has.Length.EqualTo(9), "two losses and an accuracy, for each epoch");
        Assert.That(marks[0], Is.EqualTo($"training at 1: {Text(learn.Recorder.Epochs[0].TrainLoss, "G6")}"));

        var settings = Section(page, "Settings");
        Assert.That(settings, Does.Contain("<dt>seed</dt><dd>1</dd>"));
        Assert.That(settings, Does.Contain("<dt>training items</dt><dd>60</dd>"));
        Assert.That(settings, Does.Contain("<dt>parameters</dt><dd>78</dd>"));
    }

    [Test]
    public void Confusion_IsCountedByClassAndPrediction()
    {
        var learn = Fitted();
        var (predictions, targets) = learn.GetPredictions();
        var pairs = targets.ToArray<int>().Zip(predictions.Argmax(1).ToArray<int>()).ToList();
        var expected = from actual in Enumerable.Range(0, 3)
                       from predicted in Enumerable.Range(0, 3)
                       select pairs.Count(pair => pair == (actual, predicted));

        var counts = All(Section(Written(learn), "Confusion matrix"), "<td [^>]*>(.*?)</td>").Select(int.Parse).ToList();

        Assert.That(counts, Is.EqualTo(expected));
        Assert.That(counts.Sum(), Is.EqualTo(Valid.Count));
        Assert.That(
            (counts[0] + counts[4] + counts[8]) / (double)Valid.Count,
            Is.EqualTo(learn.Validate().Metrics["accuracy"]).Within(1e-6));
    }

    [Test]
    public void Mistakes_AreThoseWithTheHighestLoss_WithTheirPictures()
    {
        var learn = Fitted();
        var (predictions, targets) = learn.GetPredictions();
        var probabilities = predictions.ToArray<double>().Chunk(3).ToList();
        var actual = targets.ToArray<int>();
        var mistakes = Enumerable.Range(0, actual.Length)
            .Select(i => (
                Item: i,
                Actual: actual[i],
                Predicted: Array.IndexOf(probabilities[i], probabilities[i].Max()),
                Probability: probabilities[i].Max(),
                Loss: -Math.Log(probabilities[i][actual[i]])))
            .Where(m => m.Predicted != m.Actual)
            .OrderByDescending(m => m.Loss)
            .ToList();
        Assert.That(mistakes, Has.Count.GreaterThan(5), "the test needs some that are left out");

        var section = Section(Written(learn, (p, l) => Report.Write(p, l, mistakes: 5)), "Worst mistakes");

        Assert.That(
            All(section, "<figcaption>(.*?)</figcaption>").Select(c => string.Join("|", All(c, "<span>(.*?)</span>"))),
            Is.EqualTo(mistakes.Take(5).Select(m =>
                $"{m.Actual}, predicted {m.Predicted}|probability {Text(m.Probability, "F3")}|"
                + $"loss {Text(m.Loss, "F3")}|item {m.Item}")));

        foreach (var (source, mistake) in All(section, "src=\"(.*?)\"").Zip(mistakes))
        {
            Assert.That(source, Does.StartWith("data:image/png;base64,"));
            var (width, height, channels, pixels) = Decoded(Convert.FromBase64String(source.Split(',')[1]));
            Assert.That((width, height, channels), Is.EqualTo((Side, Side, 1)));
            Assert.That(pixels, Is.EqualTo(Valid[mistake.Item].Inputs[0].ToArray<byte>()));
        }
    }

    [Test]
    public void ShuffledValidation_IsReportedAsInOrder()
    {
        var learn = Fitted();
        var shuffled = new Learner(
            new DataLoaders(learn.Data.Train, new DataLoader(Valid, 8, shuffle: true)),
            learn.Model,
            Losses.CrossEntropy,
            silent: true);

        Assert.That(Section(Written(shuffled), "Worst mistakes"), Is.EqualTo(Section(Written(learn), "Worst mistakes")));
    }

    [Test]
    public void Page_NamesNothingOutside_AndEscapesText()
    {
        const string nasty = "</dd><script>alert('1 & \"2\"')</script>";
        var page = Written(Fitted(), (p, l) => Report.Write(
            p,
            l,
            title: nasty,
            settings: [new(nasty, nasty)],
            evaluations: new Dictionary<string, Evaluation> { [nasty] = l.Validate() },
            classes: [nasty, "b", "c"]));

        Assert.That(page, Does.Not.Contain("<script"));
        Assert.That(page, Does.Contain(WebUtility.HtmlEncode(nasty)));
        Assert.That(page, Does.Not.Contain("http").And.Not.Contain("@import").And.Not.Contain("url("));
        Assert.That(All(page, "(?:src|href)=\"(.*?)\""), Is.All.StartsWith("data:image/png;base64,"));

        // A parser that knows nothing of HTML: every element is closed.
        var markup = Regex.Replace(page, "<!DOCTYPE html>|<style>.*?</style>", "", RegexOptions.Singleline);
        markup = Regex.Replace(markup, "<((?:meta|img)[^>]*)>", "<$1/>");
        Assert.That(() => System.Xml.Linq.XDocument.Parse(markup), Throws.Nothing);
    }

    [Test]
    public void Report_IsWritten_WithoutEpochs_ForRegressions_AndForLossesThatAreNotFinite()
    {
        Assert.That(Written(Fitted(0)), Does.Contain("No epoch was finished."));

        var points = new TensorDataset(Tensor.Rand([20, 2]), Tensor.Rand([20, 1]));
        var learn = new Learner(new DataLoaders(points, points, 4), new Linear(2, 1), Losses.Mse, seed: 1, silent: true);
        learn.Fit(2, lr: 1e30);
        var page = Written(learn);
        Assert.That(page, Does.Contain("There is nothing to draw.").And.Contain("NaN"));
        Assert.That(page, Does.Not.Contain("Confusion matrix"));
    }

    [Test]
    public void Report_IsWrittenWholeOrNotAtAll()
    {
        var learn = Fitted(0);
        var path = Path.Combine(House.Temporary(), "missing", "report.html");
        Assert.That(() => Report.Write(path, learn), Throws.TypeOf<DataException>());
        Assert.That(
            () => Written(learn, (p, l) => Report.Write(p, l, classes: ["a"])), Throws.TypeOf<Core.ShapeException>());
    }

    [TestCase(1, 1)]
    [TestCase(7, 3)]
    [TestCase(40, 64)]
    public void Png_DecodesToTheSamePixels(int width, int height)
    {
        var random = new Random(3);
        var grey = new byte[width * height];
        var rgb = new byte[3 * width * height];
        random.NextBytes(grey);
        random.NextBytes(rgb);

        Assert.That(Decoded(Png.grey(width, height, grey)).Pixels, Is.EqualTo(grey));
        var colour = Decoded(Png.rgb(width, height, rgb));
        Assert.That((colour.Width, colour.Height, colour.Channels), Is.EqualTo((width, height, 3)));
        Assert.That(colour.Pixels, Is.EqualTo(rgb));
        Assert.That(() => Png.grey(width, height + 1, grey), Throws.ArgumentException);
    }

    /// <summary>A PNG of unfiltered rows, every check sum checked bit by bit.</summary>
    private static (int Width, int Height, int Channels, byte[] Pixels) Decoded(byte[] png)
    {
        Assert.That(png[..8], Is.EqualTo(new byte[] { 0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A }));
        var chunks = new Dictionary<string, byte[]>();

        for (var at = 8; at < png.Length;)
        {
            var length = BinaryPrimitives.ReadInt32BigEndian(png.AsSpan(at));
            var named = png.AsSpan(at + 4, length + 4);
            Assert.That(BinaryPrimitives.ReadUInt32BigEndian(png.AsSpan(at + 8 + length)), Is.EqualTo(Crc(named)));
            chunks.Add(Encoding.ASCII.GetString(named[..4]), named[4..].ToArray());
            at += length + 12;
        }

        Assert.That(chunks.Keys, Is.EqualTo(new[] { "IHDR", "IDAT", "IEND" }));
        var header = chunks["IHDR"];
        var width = BinaryPrimitives.ReadInt32BigEndian(header);
        var height = BinaryPrimitives.ReadInt32BigEndian(header.AsSpan(4));
        Assert.That(header[8], Is.EqualTo(8), "bits");
        var channels = header[9] == 2 ? 3 : 1;

        using var zlib = new ZLibStream(new MemoryStream(chunks["IDAT"]), CompressionMode.Decompress);
        var rows = new byte[height * ((width * channels) + 1)];
        zlib.ReadExactly(rows);
        Assert.That(zlib.ReadByte(), Is.EqualTo(-1));
        var parts = rows.Chunk((width * channels) + 1).ToList();
        Assert.That(parts.Select(row => row[0]), Is.All.Zero, "filters");
        return (width, height, channels, [.. parts.SelectMany(row => row[1..])]);
    }

    private static uint Crc(ReadOnlySpan<byte> bytes)
    {
        var crc = uint.MaxValue;

        foreach (var b in bytes)
        {
            crc ^= b;

            for (var bit = 0; bit < 8; bit++)
            {
                crc = (crc & 1) == 1 ? (crc >> 1) ^ 0xEDB88320 : crc >> 1;
            }
        }

        return ~crc;
    }
}
