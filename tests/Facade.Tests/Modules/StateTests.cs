using NUnit.Framework;

namespace FunctionalDL.Tests;

public class StateTests
{
    private static Sequential Net() => new(new Linear(3, 2), new ReLU(), new Linear(2, 1));

    private static long[] Bits(Module module) => [.. module.Parameters().SelectMany(p => Check.Bits(p))];

    [Test]
    public void LoadStateDict_GivesTheSameBits()
    {
        var (from, to) = (Net(), Net());
        Assert.That(to.LoadStateDict(from.StateDict()).IsComplete, Is.True);
        Assert.That(Bits(to), Is.EqualTo(Bits(from)));
    }

    [Test]
    public void LoadStateDict_ListsEverythingWrong_AndChangesNothing()
    {
        var module = Net();
        var before = Bits(module);
        var state = new Dictionary<string, Tensor>
        {
            ["0.weight"] = Tensor.Zeros([2, 3]),
            ["0.bias"] = Tensor.Zeros([3]),
            ["2.weight"] = Tensor.Zeros([1, 2]),
            ["head.weight"] = Tensor.Zeros([1]),
        };

        var error = Assert.Throws<StateDictException>(() => module.LoadStateDict(state))!;

        Assert.That(error.Report.Missing, Is.EqualTo(new[] { "2.bias" }));
        Assert.That(error.Report.Unexpected, Is.EqualTo(new[] { "head.weight" }));
        Assert.That(error.Report.Misshaped, Is.EqualTo(new[] { "0.bias is [3] and needs to be [2]" }));
        Assert.That(error.Message, Does.Contain("Sequential").And.Contain("2.bias").And.Contain("head.weight"));
        Assert.That(Bits(module), Is.EqualTo(before));
        Assert.That(() => module.LoadStateDict(state, strict: false), Throws.TypeOf<StateDictException>(), "a shape");
        Assert.That(Bits(module), Is.EqualTo(before));
    }

    [Test]
    public void LoadStateDict_ReportsInsteadOfRaising_WhenNotStrict()
    {
        var module = Net();
        var report = module.LoadStateDict(
            new Dictionary<string, Tensor> { ["0.bias"] = Tensor.From([5f, 6f]), ["x"] = Tensor.Zeros([1]) }, strict: false);
        Check.Values(((Linear)module[0]).Bias!, 5, 6);
        Assert.That(report.Missing, Has.Count.EqualTo(3));
        Assert.That(report.ToString(), Is.EqualTo("missing: 0.weight, 2.weight, 2.bias; unexpected: x"));
    }

    [Test]
    public void LoadStateDict_ConvertsToTheModulesType()
    {
        var module = new Sequential(new Linear(1, 1, bias: false));
        module.LoadStateDict(new Dictionary<string, Tensor> { ["0.weight"] = Tensor.From([0.1], [1, 1]) });
        Assert.That(module.Parameters()[0].DType, Is.EqualTo(DType.Float32));
        Check.Values(module.Parameters()[0], 0.1f);
    }

    [Test]
    public void SaveAndLoad_GiveTheSameBits_ForEveryType()
    {
        var path = Path.Combine(House.Temporary(), "all.safetensors");
        var tensors = new Dictionary<string, Tensor>
        {
            ["f32"] = Tensor.From([1f, float.NaN, -0f], [3, 1]),
            ["f64"] = Tensor.From([Math.PI, double.NegativeInfinity]),
            ["i64"] = Tensor.From([long.MaxValue]),
            ["i32"] = Tensor.From([int.MinValue]),
            ["u8"] = Tensor.From(new byte[] { 7, 255 }),
            ["bool"] = Tensor.From([true, false]),
            ["scalar"] = Tensor.Scalar(3),
            ["empty"] = Tensor.Zeros([0, 4]),
        };

        Safetensors.Save(path, tensors, new Dictionary<string, string> { ["note"] = "kept" });
        var read = Safetensors.Load(path);

        Assert.That(read.Keys, Is.EquivalentTo(tensors.Keys));

        foreach (var (name, tensor) in tensors)
        {
            Assert.That(read[name].DType, Is.EqualTo(tensor.DType), name);
            Check.Same(read[name], tensor);
        }

        Assert.That(Safetensors.Metadata(path)["note"], Is.EqualTo("kept"));
        Assert.That(Safetensors.Metadata(path), Contains.Key("format_version"));
    }

    [Test]
    public void Save_IsTheSameFile_EachTime()
    {
        var folder = House.Temporary();
        var module = Net();
        module.Save(Path.Combine(folder, "a"));
        module.Save(Path.Combine(folder, "b"));
        Assert.That(File.ReadAllBytes(Path.Combine(folder, "b")), Is.EqualTo(File.ReadAllBytes(Path.Combine(folder, "a"))));
    }

    [Test]
    public void Save_LeavesTheOldFile_WhenItFails()
    {
        var folder = House.Temporary();
        var path = Path.Combine(folder, "model.safetensors");
        var module = Net();
        module.Save(path);
        var before = File.ReadAllBytes(path);

        // A value that cannot be computed: the gather reaches outside.
        var impossible = Tensor.From([1f]).IndexSelect(0, Tensor.From([5L]));
        Assert.That(
            () => Safetensors.Save(path, new Dictionary<string, Tensor> { ["x"] = impossible }),
            Throws.TypeOf<Core.ValueException>());
        Assert.That(() => module.Save(Path.Combine(path, "below")), Throws.TypeOf<Data.DataException>());
        Assert.That(() => module.Save(folder), Throws.TypeOf<Data.DataException>().With.Message.Contains(folder));
        Assert.That(File.ReadAllBytes(path), Is.EqualTo(before));
        Assert.That(Directory.GetFileSystemEntries(folder), Has.Length.EqualTo(1), "no rest of an attempt");

        var other = Net();
        other.Load(path);
        Assert.That(Bits(other), Is.EqualTo(Bits(module)));
    }

    [Test]
    public void Load_ChangesNothing_WhenTheFileIsCutOff()
    {
        var path = Path.Combine(House.Temporary(), "model.safetensors");
        var module = Net();
        module.Save(path);
        var bytes = File.ReadAllBytes(path);
        File.WriteAllBytes(path, bytes[..^3]);
        var before = Bits(module);
        Assert.That(() => module.Load(path), Throws.TypeOf<Data.DataException>().With.Message.Contains(path));
        Assert.That(() => module.Load(path + ".none"), Throws.TypeOf<Data.DataException>());
        Assert.That(Bits(module), Is.EqualTo(before));
    }
}
