using System.Diagnostics;
using System.Globalization;
using System.IO.Compression;
using System.Text.RegularExpressions;
using NUnit.Framework;

namespace FunctionalDL.Tests;

/// <summary>scripts/train.cs as a user runs it: built once, then started as a process.</summary>
public class TrainScriptTests
{
    private static readonly Lazy<string> Program = new(Build);

    private static string Build()
    {
        var folder = House.Temporary();
        var (code, output, error) = Run(
            "dotnet", ["build", "-c", "Release", Path.Combine(House.Root, "scripts", "train.cs"), "-o", folder, "-v", "q"]);
        Assert.That(code, Is.Zero, output + error);
        return Path.Combine(folder, "train.dll");
    }

    private static (int Code, string Output, string Error) Train(params string[] args) =>
        Run("dotnet", [Program.Value, .. args]);

    private static (int Code, string Output, string Error) Run(string program, string[] args)
    {
        var start = new ProcessStartInfo(program, args)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = Path.GetTempPath(),
        };
        using var process = Process.Start(start)!;
        var error = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output, error.Result);
    }

    /// <summary>A folder with the first pictures of data/digits, whose files may then be spoilt.</summary>
    private static string SmallData(int train = 120, int test = 20)
    {
        var folder = House.Temporary();

        foreach (var (name, count) in new[] { ("train", train), ("t10k", test) })
        {
            Shorten($"{name}-images-idx3-ubyte", count, 16, 784);
            Shorten($"{name}-labels-idx1-ubyte", count, 8, 1);
        }

        return folder;

        void Shorten(string name, int count, int header, int size)
        {
            using var packed = File.OpenRead(Path.Combine(House.Digits, name + ".gz"));
            using var unpacked = new GZipStream(packed, CompressionMode.Decompress);
            var bytes = new byte[header + (count * size)];
            unpacked.ReadExactly(bytes);
            System.Buffers.Binary.BinaryPrimitives.WriteInt32BigEndian(bytes.AsSpan(4), count);
            File.WriteAllBytes(Path.Combine(folder, name), bytes);
        }
    }

    private static void Spoil(string folder, string file, Func<byte[], byte[]> how)
    {
        var path = Path.Combine(folder, file);
        File.WriteAllBytes(path, how(File.ReadAllBytes(path)));
    }

    /// <summary>The run failed with one line that has all of these in it, and wrote nothing.</summary>
    private static void Fails(int code, string[] args, params string[] expected)
    {
        var output = Path.Combine(House.Temporary(), "out");
        var run = Train([.. args, .. args.Contains("--out") ? Array.Empty<string>() : ["--out", output]]);
        var text = $"{run.Output}\n{run.Error}";
        Assert.That(run.Code, Is.EqualTo(code), text);
        Assert.That(run.Error.Trim().Split('\n'), Has.Length.EqualTo(1), text);

        foreach (var part in expected)
        {
            Assert.That(run.Error, Does.Contain(part), text);
        }

        Assert.That(run.Error, Does.Not.Contain("   at "), "no stack trace");
        Assert.That(run.Output, Is.Empty, "before anything is trained");
        Assert.That(Directory.Exists(output) ? Directory.GetFileSystemEntries(output) : [], Is.Empty);
    }

    [TestCase("--batch", "0", "1 or more")]
    [TestCase("--batch", "many", "a whole number")]
    [TestCase("--lr", "abc", "a number above 0")]
    [TestCase("--lr", "-1", "a number above 0")]
    [TestCase("--lr", "NaN", "a number above 0")]
    [TestCase("--epochs", "0", "1 or more")]
    [TestCase("--hidden", "0", "1 or more")]
    [TestCase("--threads", "0", "1 or more")]
    [TestCase("--seed", "x", "a whole number")]
    [TestCase("--nonsense", "1", "--nonsense")]
    public void WrongUsage_IsToldInOneLine_WithCode2(string option, string value, string expected) =>
        Fails(2, [option, value], option, expected);

    [Test]
    public void MissingFolder_IsNamed() => Fails(1, ["--data", "/nowhere/at/all"], "/nowhere/at/all", "four IDX files");

    [Test]
    public void MissingFile_IsNamed()
    {
        var folder = SmallData();
        File.Delete(Path.Combine(folder, "t10k-labels-idx1-ubyte"));
        Fails(1, ["--data", folder], folder, "t10k-labels-idx1-ubyte");
    }

    [Test]
    public void WrongMagicNumber_IsNamed()
    {
        var folder = SmallData();
        Spoil(folder, "train-images-idx3-ubyte", b => [1, .. b[1..]]);
        Fails(1, ["--data", folder], "train-images-idx3-ubyte", "magic number");
    }

    [Test]
    public void CutOffFile_IsNamed()
    {
        var folder = SmallData();
        Spoil(folder, "train-images-idx3-ubyte", b => b[..^100]);
        Fails(1, ["--data", folder], "train-images-idx3-ubyte", "cut off");
    }

    [Test]
    public void DifferentCounts_AreNamed()
    {
        var folder = SmallData();
        File.Copy(
            Path.Combine(SmallData(train: 119), "train-labels-idx1-ubyte"),
            Path.Combine(folder, "train-labels-idx1-ubyte"),
            overwrite: true);
        Fails(1, ["--data", folder], "train-labels-idx1-ubyte", "119", "120");
    }

    [Test]
    public void LabelBeyondTheClasses_IsNamed()
    {
        var folder = SmallData();
        Spoil(folder, "train-labels-idx1-ubyte", b => [.. b[..^1], 10]);
        Fails(1, ["--data", folder], "train-labels-idx1-ubyte", "position 119", "0 to 9");
    }

    [Test]
    public void TooFewPictures_AreAnError() => Fails(1, ["--data", SmallData(train: 5)], "5 pictures", "6");

    [Test]
    public void UnwritableOutput_IsToldBeforeTraining()
    {
        var file = Path.Combine(House.Temporary(), "file");
        File.WriteAllText(file, "kept");
        Fails(1, ["--data", SmallData(), "--out", file], file, "folder");
        Fails(1, ["--data", SmallData(), "--out", Path.Combine(file, "below")], file);
        Assert.That(File.ReadAllText(file), Is.EqualTo("kept"));
    }

    [Test]
    public void Help_ExplainsEveryOption()
    {
        var run = Train("--help");
        Assert.That(run.Code, Is.Zero);

        foreach (var option in new[] { "--data", "--epochs", "--lr", "--batch", "--hidden", "--seed", "--threads", "--out" })
        {
            Assert.That(run.Output, Does.Match($@"{option} <\w+>\s+\w+"));
        }
    }

    [Test]
    public void Training_PrintsATable_AndIsRepeatable_WhateverTheThreads()
    {
        var data = SmallData();
        string[] Written(string threads, string seed)
        {
            var folder = Path.Combine(House.Temporary(), "new", "out");
            var run = Train("--data", data, "--epochs", "2", "--seed", seed, "--threads", threads, "--out", folder);
            Assert.That(run.Code, Is.Zero, run.Output + run.Error);
            Assert.That(run.Error, Is.Empty);
            var lines = run.Output.TrimEnd().Split('\n');
            Assert.That(lines[0], Is.EqualTo("epoch     train_loss  valid_loss  accuracy  time"));
            Assert.That(lines[^1], Does.Match(@"^validation accuracy \d\.\d{4}$"));
            Assert.That(
                Directory.GetFileSystemEntries(folder).Select(Path.GetFileName),
                Is.EquivalentTo(new[] { "parameters.safetensors", "report.html" }));
            Assert.That(File.ReadAllText(Path.Combine(folder, "report.html")), Does.Contain($"<dd>{seed}</dd>"));
            var file = Directory.GetFiles(folder, "*.safetensors").Single();
            Assert.That(
                Safetensors.Load(file).Keys,
                Is.EqualTo(new[] { "0.mean", "0.std", "2.weight", "2.bias", "4.weight", "4.bias" }));
            var table = lines.Skip(1).Take(2).Select(line => line[..line.LastIndexOf(' ')]);
            return [.. table, lines[^1], Convert.ToHexString(File.ReadAllBytes(file))];
        }

        var first = Written("1", "3");
        Assert.That(Written("2", "3"), Is.EqualTo(first));
        Assert.That(Written("2", "4")[^1], Is.Not.EqualTo(first[^1]));
    }

    private static double Accuracy(string output) => double.Parse(
        Regex.Match(output, @"validation accuracy (\d\.\d+)\s*$").Groups[1].Value, CultureInfo.InvariantCulture);

    [Test]
    [Category("Slow")]
    public void Digits_AreLearned_ToNinetyFivePercent()
    {
        var run = Train("--out", House.Temporary());
        Assert.That(run.Code, Is.Zero, run.Error);
        Assert.That(Accuracy(run.Output), Is.GreaterThanOrEqualTo(0.95));
    }

    [Test]
    [Category("Slow")]
    public void Mnist_IsLearned_ToNinetySixAndAHalfPercent()
    {
        var run = Train("--data", House.Mnist(), "--epochs", "5", "--seed", "1", "--out", House.Temporary());
        Assert.That(run.Code, Is.Zero, run.Error);
        Assert.That(Accuracy(run.Output), Is.GreaterThanOrEqualTo(0.965));
    }
}
