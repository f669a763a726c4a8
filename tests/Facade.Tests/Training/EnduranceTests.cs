using System.Diagnostics;
using FunctionalDL.Kernels;
using NUnit.Framework;

namespace FunctionalDL.Tests;

/// <summary>Long runs: memory stays flat, and threads do not disturb each other.</summary>
[Category("Slow")]
[NonParallelizable]
public class EnduranceTests
{
    private static long Resident()
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
        GC.Collect();
        using var process = Process.GetCurrentProcess();
        return process.WorkingSet64;
    }

    private sealed class Memory(int early, int late) : Callback
    {
        public Dictionary<int, (long Pool, long Resident)> At { get; } = [];

        public override Decision AfterBatch(FitContext fit)
        {
            if (fit.IsTraining && (fit.Iteration == early || fit.Iteration == late))
            {
                At[fit.Iteration] = (PoolBytes(), Resident());
            }

            return Decision.Continue;
        }
    }

    private static long PoolBytes() => MemoryPool.Shared.LiveBytes;

    private static void IsFlat(Learner learn, int steps)
    {
        var memory = new Memory(50, 500);
        learn.Fit((steps + learn.Data.Train.Count - 1) / learn.Data.Train.Count, 0.01, [memory]);
        var (pool, resident) = (PoolBytes(), Resident());
        const long MiB = 1 << 20;
        TestContext.Out.WriteLine(
            $"pool {memory.At[50].Pool / MiB} → {pool / MiB} MiB, resident {memory.At[500].Resident / MiB} → {resident / MiB} MiB");
        Assert.That(pool, Is.LessThan((2 * memory.At[50].Pool) + (16 * MiB)));
        Assert.That(resident, Is.LessThan((memory.At[500].Resident * 105 / 100) + (20 * MiB)));
    }

    [Test]
    public void TenThousandSteps_OfThePerceptron_TakeNoMoreMemory()
    {
        var x = Tensor.Randn([64 * 600, 784], new Generator(1));
        var y = Tensor.From([.. Enumerable.Range(0, 64 * 600).Select(i => (long)(i % 10))]);
        var data = new DataLoaders(new TensorDataset(x, y), new TensorDataset(x[..128], y[..128]), 64);
        IsFlat(
            new Learner(data, new Sequential(new Linear(784, 50), new ReLU(), new Linear(50, 10)), Losses.CrossEntropy, silent: true),
            10_000);
    }

    [Test]
    public void FiveHundredSteps_OfAConvnet_TakeNoMoreMemory()
    {
        var x = Tensor.Randn([64 * 30, 1, 28, 28], new Generator(1));
        var y = Tensor.From([.. Enumerable.Range(0, 64 * 30).Select(i => (long)(i % 10))]);
        var data = new DataLoaders(new TensorDataset(x, y), new TensorDataset(x[..128], y[..128]), 64);
        var net = new Sequential(
            new Conv2d(1, 8, 5, stride: 2, padding: 2), new ReLU(),
            new Conv2d(8, 16, 3, stride: 2, padding: 1), new ReLU(),
            new Conv2d(16, 32, 3, stride: 2, padding: 1), new ReLU(),
            new AdaptiveAvgPool2d(1), new Flatten(), new Linear(32, 10));
        IsFlat(new Learner(data, net, Losses.CrossEntropy, silent: true), 510);
    }

    [Test]
    public void EightThreads_PredictRight_ForAMinute_WhileGarbageIsCollected()
    {
        var learn = Clouds.Learner();
        var expected = Check.Bits(learn.Predict(Clouds.Valid.Inputs[0]));
        var clock = Stopwatch.StartNew();
        var (wrong, done) = (0, 0);
        var threads = Enumerable.Range(0, 8).Select(i => new Thread(() =>
        {
            while (clock.Elapsed < TimeSpan.FromMinutes(1))
            {
                var right = Check.Bits(learn.Predict(Clouds.Valid.Inputs[0])).SequenceEqual(expected);
                Interlocked.Add(ref wrong, right ? 0 : 1);
                Interlocked.Increment(ref done);

                if (i == 0)
                {
                    GC.Collect();
                    GC.WaitForPendingFinalizers();
                }
            }
        })).ToList();
        threads.ForEach(t => t.Start());
        threads.ForEach(t => t.Join());
        TestContext.Out.WriteLine($"{done} predictions");
        Assert.That(wrong, Is.Zero);
        Assert.That(done, Is.GreaterThan(1000));
    }
}
