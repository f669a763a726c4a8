using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using FunctionalDL.Core;
using FunctionalDL.Interop;

namespace FunctionalDL;

/// <content>Making tensors.</content>
public sealed partial class Tensor
{
    /// <summary>A float32 tensor with a copy of the values, row-major; an array will do.</summary>
    /// <param name="values">The elements.</param>
    /// <param name="shape">Sizes whose product is the number of values; one axis when not given.</param>
    /// <exception cref="ShapeException">The product of the sizes is not the number of values.</exception>
    public static Tensor From(ReadOnlySpan<float> values, IReadOnlyList<int>? shape = null) => Copied(values, shape);

    /// <summary>A float64 tensor with a copy of the values, row-major; an array will do.</summary>
    /// <param name="values">The elements.</param>
    /// <param name="shape">Sizes whose product is the number of values; one axis when not given.</param>
    /// <exception cref="ShapeException">The product of the sizes is not the number of values.</exception>
    public static Tensor From(ReadOnlySpan<double> values, IReadOnlyList<int>? shape = null) => Copied(values, shape);

    /// <summary>An int64 tensor (labels, indices) with a copy of the values, row-major; an array will do.</summary>
    /// <param name="values">The elements.</param>
    /// <param name="shape">Sizes whose product is the number of values; one axis when not given.</param>
    /// <exception cref="ShapeException">The product of the sizes is not the number of values.</exception>
    public static Tensor From(ReadOnlySpan<long> values, IReadOnlyList<int>? shape = null) => Copied(values, shape);

    /// <summary>An int32 tensor with a copy of the values, row-major; an array will do.</summary>
    /// <param name="values">The elements.</param>
    /// <param name="shape">Sizes whose product is the number of values; one axis when not given.</param>
    /// <exception cref="ShapeException">The product of the sizes is not the number of values.</exception>
    public static Tensor From(ReadOnlySpan<int> values, IReadOnlyList<int>? shape = null) => Copied(values, shape);

    /// <summary>
    /// A uint8 tensor (the bytes of pictures) with a copy of the values, row-major; an array will do.
    /// </summary>
    /// <param name="values">The elements.</param>
    /// <param name="shape">Sizes whose product is the number of values; one axis when not given.</param>
    /// <exception cref="ShapeException">The product of the sizes is not the number of values.</exception>
    public static Tensor From(ReadOnlySpan<byte> values, IReadOnlyList<int>? shape = null) => Copied(values, shape);

    /// <summary>A bool tensor with a copy of the values, row-major; an array will do.</summary>
    /// <param name="values">The elements.</param>
    /// <param name="shape">Sizes whose product is the number of values; one axis when not given.</param>
    /// <exception cref="ShapeException">The product of the sizes is not the number of values.</exception>
    public static Tensor From(ReadOnlySpan<bool> values, IReadOnlyList<int>? shape = null) => Copied(values, shape);

    /// <summary>A matrix with a copy of the values, in the type that .NET's is kept as: <c>[rows; columns]</c>.</summary>
    /// <typeparam name="T">float, double, int, long, byte or bool.</typeparam>
    /// <param name="values">The elements.</param>
    /// <exception cref="DTypeException"><typeparamref name="T"/> is another type.</exception>
    public static Tensor From<T>(T[,] values)
        where T : unmanaged => Copied<T>(values);

    /// <summary>A tensor of three axes with a copy of the values.</summary>
    /// <typeparam name="T">float, double, int, long, byte or bool.</typeparam>
    /// <param name="values">The elements.</param>
    /// <exception cref="DTypeException"><typeparamref name="T"/> is another type.</exception>
    public static Tensor From<T>(T[,,] values)
        where T : unmanaged => Copied<T>(values);

    /// <summary>A tensor of four axes (pictures in a batch) with a copy of the values.</summary>
    /// <typeparam name="T">float, double, int, long, byte or bool.</typeparam>
    /// <param name="values">The elements.</param>
    /// <exception cref="DTypeException"><typeparamref name="T"/> is another type.</exception>
    public static Tensor From<T>(T[,,,] values)
        where T : unmanaged => Copied<T>(values);

    /// <summary>A tensor without axes.</summary>
    /// <param name="value">Its only element.</param>
    /// <param name="dtype">The type of the element.</param>
    public static Tensor Scalar(double value, DType dtype = DType.Float32) => Full([], value, dtype);

    /// <summary>Zeros.</summary>
    /// <param name="shape">The sizes of the axes.</param>
    /// <param name="dtype">The type of the elements.</param>
    public static Tensor Zeros(IReadOnlyList<int> shape, DType dtype = DType.Float32) => Full(shape, 0.0, dtype);

    /// <summary>Zeros of another tensor's shape and type.</summary>
    /// <param name="other">The other tensor.</param>
    public static Tensor ZerosLike(Tensor other) => FullLike(other, 0.0);

    /// <summary>Ones.</summary>
    /// <param name="shape">The sizes of the axes.</param>
    /// <param name="dtype">The type of the elements.</param>
    public static Tensor Ones(IReadOnlyList<int> shape, DType dtype = DType.Float32) => Full(shape, 1.0, dtype);

    /// <summary>Ones of another tensor's shape and type.</summary>
    /// <param name="other">The other tensor.</param>
    public static Tensor OnesLike(Tensor other) => FullLike(other, 1.0);

    /// <summary>The same value everywhere.</summary>
    /// <param name="shape">The sizes of the axes.</param>
    /// <param name="value">Every element.</param>
    /// <param name="dtype">The type of the elements.</param>
    public static Tensor Full(IReadOnlyList<int> shape, double value, DType dtype = DType.Float32) =>
        new(TensorModule.full(dtype.ToCore(), Fs.Sizes(shape), value));

    /// <summary>The same value everywhere, in another tensor's shape and type.</summary>
    /// <param name="other">The other tensor.</param>
    /// <param name="value">Every element.</param>
    public static Tensor FullLike(Tensor other, double value) => Full(other.Shape, value, other.DType);

    /// <summary>The identity matrix.</summary>
    /// <param name="rows">How many rows.</param>
    /// <param name="columns">How many columns; as many as rows when not given.</param>
    /// <param name="dtype">The type of the elements.</param>
    public static Tensor Eye(int rows, int? columns = null, DType dtype = DType.Float32) =>
        new(Core.Create.eye(dtype.ToCore(), rows, columns ?? rows));

    /// <summary>The whole numbers <c>0 … count - 1</c> (int64).</summary>
    /// <param name="count">How many.</param>
    public static Tensor Arange(int count) => new(TensorModule.arange(count));

    /// <summary>The numbers <c>start, start + step, …</c> before <paramref name="end"/>.</summary>
    /// <param name="start">The first.</param>
    /// <param name="end">Where to stop, without it.</param>
    /// <param name="step">The distance of neighbours.</param>
    /// <param name="dtype">The type of the elements.</param>
    /// <exception cref="OptionException">The step is 0, or leads away from the end.</exception>
    public static Tensor Arange(double start, double end, double step = 1, DType dtype = DType.Float32) =>
        new(Core.Create.arange(dtype.ToCore(), start, end, step));

    /// <summary>Evenly spaced numbers, both ends included.</summary>
    /// <param name="start">The first.</param>
    /// <param name="end">The last.</param>
    /// <param name="steps">How many.</param>
    /// <param name="dtype">The type of the elements.</param>
    public static Tensor Linspace(double start, double end, int steps, DType dtype = DType.Float32) =>
        new(Core.Create.linspace(dtype.ToCore(), start, end, steps));

    /// <summary>Random numbers uniform in [0, 1).</summary>
    /// <param name="shape">The sizes of the axes.</param>
    /// <param name="generator">Where they come from; when not given they differ from run to run.</param>
    /// <param name="dtype">A float type.</param>
    public static Tensor Rand(
        IReadOnlyList<int> shape, Generator? generator = null, DType dtype = DType.Float32) =>
        new(KeyModule.uniform(dtype.ToCore(), Fs.Sizes(shape), (generator ?? new Generator()).Next()));

    /// <summary>Random numbers from the normal distribution of mean 0 and standard deviation 1.</summary>
    /// <param name="shape">The sizes of the axes.</param>
    /// <param name="generator">Where they come from; when not given they differ from run to run.</param>
    /// <param name="dtype">A float type.</param>
    public static Tensor Randn(
        IReadOnlyList<int> shape, Generator? generator = null, DType dtype = DType.Float32) =>
        new(KeyModule.normal(dtype.ToCore(), Fs.Sizes(shape), (generator ?? new Generator()).Next()));

    /// <summary>Random whole numbers <c>low … high - 1</c>, all as likely (int64).</summary>
    /// <param name="low">The least.</param>
    /// <param name="high">Above the greatest.</param>
    /// <param name="shape">The sizes of the axes.</param>
    /// <param name="generator">Where they come from; when not given they differ from run to run.</param>
    /// <exception cref="OptionException">There is no number in between.</exception>
    public static Tensor RandInt(long low, long high, IReadOnlyList<int> shape, Generator? generator = null) =>
        new(KeyModule.integers(low, high, Fs.Sizes(shape), (generator ?? new Generator()).Next()));

    /// <summary>The whole numbers <c>0 … count - 1</c> in random order (int64).</summary>
    /// <param name="count">How many.</param>
    /// <param name="generator">Where the order comes from; when not given it differs from run to run.</param>
    public static Tensor RandPerm(int count, Generator? generator = null) =>
        From(KeyModule.permutation(count, (generator ?? new Generator()).Next()));

    /// <summary>1 with each element's probability, else 0.</summary>
    /// <param name="probability">The probabilities, 0 to 1.</param>
    /// <param name="generator">Where they come from; when not given they differ from run to run.</param>
    public static Tensor Bernoulli(Tensor probability, Generator? generator = null) =>
        new(KeyModule.bernoulli(probability._inner, (generator ?? new Generator()).Next()));

    /// <summary>Joins tensors along an axis they may differ in.</summary>
    /// <param name="tensors">One or more, with equal sizes on all other axes.</param>
    /// <param name="dim">The axis.</param>
    /// <exception cref="ShapeException">There are none, or other sizes differ.</exception>
    public static Tensor Cat(IReadOnlyList<Tensor> tensors, int dim = 0) =>
        new(TensorModule.cat(dim, Fs.List(tensors.Select(t => t._inner))), SourcesOf(tensors));

    /// <summary>Joins tensors of one shape along a new axis.</summary>
    /// <param name="tensors">One or more of equal shapes.</param>
    /// <param name="dim">Where the new axis goes.</param>
    /// <exception cref="ShapeException">There are none, or shapes differ.</exception>
    public static Tensor Stack(IReadOnlyList<Tensor> tensors, int dim = 0) =>
        new(TensorModule.stack(dim, Fs.List(tensors.Select(t => t._inner))), SourcesOf(tensors));

    private static Sources? SourcesOf(IEnumerable<Tensor> tensors) => Sources.Union(tensors.Select(t => t._sources));

    private static Tensor Copied<T>(ReadOnlySpan<T> values, IReadOnlyList<int>? shape)
        where T : unmanaged
    {
        var type = new TensorType(Fs.DTypeOf<T>().ToCore(), ShapeModule.ofSeq(shape ?? [values.Length]));
        return new(TensorModule.ofStorage(HostStorageModule.ofSpan(type, MemoryMarshal.AsBytes(values))));
    }

    private static Tensor Copied<T>(Array values)
        where T : unmanaged
    {
        var elements = MemoryMarshal.CreateReadOnlySpan(
            ref Unsafe.As<byte, T>(ref MemoryMarshal.GetArrayDataReference(values)), values.Length);

        return Copied(elements, [.. Enumerable.Range(0, values.Rank).Select(values.GetLength)]);
    }
}
