// Lesson 9, part 02a: why is there a √5 in the first values of convolutions?
//
//     dotnet run -c Release scripts/lesson09/02a-why-sqrt5.cs
//     dotnet run -c Release scripts/lesson09/02a-why-sqrt5.cs -- --data DIR --seed N
//
// Layers begin with uniform weights whose bound has a forgotten constant in it, √5. With ReLUs after them the signal
// nearly vanishes after four layers; Kaiming's bound keeps it. Exit codes: 0 all as expected, 1 something is not, 2 wrong
// usage or no data. The bands of single draws are wide: another seed stays within them.

#:project ../../facade/FunctionalDL

using System.Globalization;
using System.Runtime.CompilerServices;
using FunctionalDL;
using FunctionalDL.Data;

CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
var (folder, seed) = (Path.GetFullPath(Path.Combine(Folder(), "..", "..", "data", "digits")), 1L);

for (var i = 0; i < args.Length; i += 2)
{
    switch (args[i..])
    {
        case ["--data", var dir, ..]:
            folder = dir;
            break;
        case ["--seed", var number, ..] when long.TryParse(number, out seed):
            break;
        default:
            Console.Error.WriteLine($"{args[i]}: usage is [--data DIR] [--seed N]");
            return 2;
    }
}

Tensor x, y;
bool isMnist;

try
{
    var images = ImageData.FromIdx(folder);
    var items = images.Train.Count * 5 / 6;
    isMnist = images.Train.Count == 60_000;
    var all = images.Train.Inputs[0].To(DType.Float32) / 255;
    var (mean, std) = Stats(all[..items]);

    // The first hundred pictures of the validation part, normalised by the figures of the training part.
    x = ((all[items..(items + 100)] - mean) / std).Reshape(-1, 1, 28, 28);
    y = images.Train.Targets[0][items..(items + 100)].To(DType.Float32);
}
catch (DataException error)
{
    Console.Error.WriteLine(error.Message);
    return 2;
}

var random = new Generator(seed);
var failed = 0;
Console.WriteLine($"{"",-14}{"what",-62}{"ours",-22}expected");

void Verdict(string what, string ours, string expected, bool holds)
{
    Console.WriteLine($"{(holds ? "as expected" : "IS NOT SO"),-14}{what,-62}{ours,-22}{expected}");
    failed += holds ? 0 : 1;
}

void Exactly(string what, string ours, string expected) => Verdict(what, ours, expected, ours == expected);

void Within(string what, double ours, double low, double high) =>
    Verdict(what, $"{ours:G5}", $"{low:G4} to {high:G4}", ours >= low && ours <= high);

// ---- 1. A layer ----------------------------------------

var l1 = new Conv2d(1, 32, 5, generator: random);
Exactly("the pictures", $"{x.Shape}", "[100; 1; 28; 28]");
Exactly("weight: out, in, height, width", $"{l1.Weight.Shape}", "[32; 1; 5; 5]");
Exactly("its output, without padding", $"{l1.Call(x).Shape}", "[100; 32; 24; 24]");
Exactly("and of pictures that are not square", $"{l1.Call(Tensor.Zeros([1, 1, 20, 30])).Shape}", "[1; 32; 16; 26]");

var (weightMean, weightStd) = Stats(l1.Weight.Value);
Within("std of the weights: the bound 1/√25 over √3", weightStd, 0.107, 0.124);
Within("largest weight", l1.Weight.Value.Abs().Max().Item(), 0.15, 0.2);
Within("std of the biases, with the same bound", Stats(l1.Bias!.Value).Std, 0.075, 0.155);
Within("mean of the weights", weightMean, -0.02, 0.02);

// ---- 2. What comes out of it ----------------------------------------

Within("std of its output: below 1", Stats(l1.Call(x)).Std, isMnist ? 0.5 : 0.3, isMnist ? 0.78 : 0.95);
Within("after ReLU even less", Stats(l1.Call(x).Relu()).Std, 0.15, 0.55);

// The field that a weight looks at, and what follows from it.
var field = l1.Weight.Value[0, 0].Size;
var (outputs, inputs) = (l1.Weight.Shape[0], l1.Weight.Shape[1]);
Exactly("field, fan in, fan out", $"{field}, {inputs * field}, {outputs * field}", "25, 25, 800");

double Gain(double a) => Math.Sqrt(2 / (1 + (a * a)));
Exactly(
    "gain of leaky ReLU with slope 1, 0, 0.01, 0.1, √5",
    string.Join(' ', new[] { 1, 0, 0.01, 0.1, Math.Sqrt(5) }.Select(a => $"{Gain(a):F10}")),
    "1.0000000000 1.4142135624 1.4141428570 1.4071950895 0.5773502692");
Within("std of 10,000 uniform numbers of ±1: 1/√3", Stats((2 * Tensor.Rand([10_000], random)) - 1).Std, 0.565, 0.590);

// ---- 3. Kaiming, by hand ----------------------------------------

// In place, where nothing is recorded: the bound of a uniform distribution is √3 times its deviation.
double Kaiming2(Parameter weight, double a, bool useFanOut = false)
{
    var size = weight.Value[0, 0].Size;
    var fan = (useFanOut ? weight.Shape[0] : weight.Shape[1]) * size;
    var bound = Math.Sqrt(3) * Gain(a) / Math.Sqrt(fan);

    using (Autograd.NoGrad())
    {
        weight.Value = ((2 * Tensor.Rand(weight.Shape.ToArray(), random)) - 1) * bound;
    }

    return bound;
}

Exactly("bound for ReLU, slope 0", $"{Kaiming2(l1.Weight, 0):F6}", "0.489898");
var (kaimingMean, kaimingStd) = Stats(l1.Call(x).Relu());
Within("then mean after ReLU", kaimingMean, isMnist ? 0.35 : 0.2, isMnist ? 0.70 : 1.0);
Within("then std after ReLU: about 1", kaimingStd, isMnist ? 0.65 : 0.4, isMnist ? 1.35 : 1.6);
Exactly("bound for slope √5: the library's own", $"{Kaiming2(l1.Weight, Math.Sqrt(5)):F6}", "0.200000");
Within("then std after ReLU: too little again", Stats(l1.Call(x).Relu()).Std, 0.15, 0.55);
Exactly("wants a gradient still", $"{l1.Weight.RequiresGrad}", "True");

// ---- 4. Four of them ----------------------------------------

var m = new Sequential(
    new Conv2d(1, 8, 5, stride: 2, padding: 2, generator: random), new ReLU(),
    new Conv2d(8, 16, 3, stride: 2, padding: 1, generator: random), new ReLU(),
    new Conv2d(16, 32, 3, stride: 2, padding: 1, generator: random), new ReLU(),
    new Conv2d(32, 1, 3, stride: 2, padding: 1, generator: random),
    new AdaptiveAvgPool2d(1), new ToRank1());

Exactly(
    "sizes on the way",
    string.Join(' ', new[] { 1, 3, 5, 7, 8 }.Select(n => m[..n].Call(x).Shape[^1])),
    "14 7 4 2 1");

(double Mean, double Std, double Gradient) Run()
{
    m.ZeroGrad();
    var output = m.Call(x);
    var (mean, std) = Stats(output);
    Losses.Mse(output.Squeeze(), y).Backward();
    return (mean, std, Stats(((Conv2d)m[0]).Weight.Grad!).Std);
}

var library = Run();
Within("std of a hundred outputs: the signal is gone", library.Std, 0, 0.03);
Within("std of the first gradient", library.Gradient, isMnist ? 0.008 : 0.001, isMnist ? 0.12 : 0.3);

foreach (var layer in m)
{
    if (layer is Conv2d conv)
    {
        Kaiming2(conv.Weight, 0);
        conv.Bias!.Value = Tensor.Zeros(conv.Bias.Shape.ToArray());
    }
}

var kaiming = Run();
Within("with Kaiming's bound: std of the outputs", kaiming.Std, isMnist ? 0.1 : 0.03, isMnist ? 1.0 : 2.0);
Within("how many times more", kaiming.Std / library.Std, 5, 1000);
Within("and of the first gradient", kaiming.Gradient / library.Gradient, 2, 1000);

Console.WriteLine();
Console.WriteLine(failed == 0 ? "all as expected" : $"{failed} are not as expected");
return failed == 0 ? 0 : 1;

static (double Mean, double Std) Stats(Tensor t) => (t.Mean().Item(), t.Std().Item());

static string Folder([CallerFilePath] string path = "") =>
    AppContext.GetData("EntryPointFileDirectoryPath") as string ?? Path.GetDirectoryName(path)!;

/// <summary>A layer of one's own: all of it in one row.</summary>
internal sealed class ToRank1 : Module
{
    public override Tensor Forward(Tensor input) => input.Reshape(-1);
}
