namespace FunctionalDL.Tests;

/// <summary>Points in three clouds, one for each class: a task that is learned in no time.</summary>
internal static class Clouds
{
    public static TensorDataset Train { get; } = Make(90, 1);

    public static TensorDataset Valid { get; } = Make(31, 2);

    public static Sequential Net() => new(new Linear(2, 8), new ReLU(), new Linear(8, 3));

    public static Learner Learner(
        Module? model = null,
        Func<IReadOnlyList<Parameter>, double, Optimizer>? optFunc = null,
        IReadOnlyList<Callback>? callbacks = null,
        DataLoaders? data = null,
        long? seed = 1,
        bool compile = true,
        TextWriter? output = null) =>
        new(
            data ?? new DataLoaders(Train, Valid, 8),
            model ?? Net(),
            Losses.CrossEntropy,
            optFunc,
            metrics: [Metrics.Accuracy],
            callbacks: callbacks,
            seed: seed,
            compile: compile,
            output: output,
            silent: output is null);

    public static long[] Bits(Module module) => [.. module.Parameters().SelectMany(p => Check.Bits(p))];

    private static TensorDataset Make(int count, long seed)
    {
        var label = Enumerable.Range(0, count).Select(i => (long)(i % 3)).ToArray();
        var centre = Tensor.From(new float[,] { { 2, 0 }, { -2, 1 }, { 0, -2 } });
        var x = centre.IndexSelect(0, Tensor.From(label)) + 0.4 * Tensor.Randn([count, 2], new Generator(seed));
        return new TensorDataset(x, Tensor.From(label));
    }
}
