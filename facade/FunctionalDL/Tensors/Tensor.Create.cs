using FunctionalDL.Core;
using FunctionalDL.Interop;

namespace FunctionalDL;

/// <content>Making tensors.</content>
public sealed partial class Tensor
{
    /// <summary>A float32 tensor with a copy of the values, row-major.</summary>
    /// <param name="values">The elements.</param>
    /// <param name="shape">Sizes whose product is the number of values; one axis when not given.</param>
    /// <exception cref="ShapeException">The product of the sizes is not the number of values.</exception>
    public static Tensor From(float[] values, IReadOnlyList<int>? shape = null) =>
        new(TensorModule.ofFloat32s(SizesOf(values, shape), values));

    /// <summary>A float64 tensor with a copy of the values, row-major.</summary>
    /// <param name="values">The elements.</param>
    /// <param name="shape">Sizes whose product is the number of values; one axis when not given.</param>
    /// <exception cref="ShapeException">The product of the sizes is not the number of values.</exception>
    public static Tensor From(double[] values, IReadOnlyList<int>? shape = null) =>
        new(TensorModule.ofFloats(SizesOf(values, shape), values));

    /// <summary>An int64 tensor (labels, indices) with a copy of the values, row-major.</summary>
    /// <param name="values">The elements.</param>
    /// <param name="shape">Sizes whose product is the number of values; one axis when not given.</param>
    /// <exception cref="ShapeException">The product of the sizes is not the number of values.</exception>
    public static Tensor From(long[] values, IReadOnlyList<int>? shape = null) =>
        new(TensorModule.ofInt64s(SizesOf(values, shape), values));

    /// <summary>An int32 tensor with a copy of the values, row-major.</summary>
    /// <param name="values">The elements.</param>
    /// <param name="shape">Sizes whose product is the number of values; one axis when not given.</param>
    /// <exception cref="ShapeException">The product of the sizes is not the number of values.</exception>
    public static Tensor From(int[] values, IReadOnlyList<int>? shape = null) =>
        new(TensorModule.ofInt32s(SizesOf(values, shape), values));

    /// <summary>A uint8 tensor (the bytes of pictures) with a copy of the values, row-major.</summary>
    /// <param name="values">The elements.</param>
    /// <param name="shape">Sizes whose product is the number of values; one axis when not given.</param>
    /// <exception cref="ShapeException">The product of the sizes is not the number of values.</exception>
    public static Tensor From(byte[] values, IReadOnlyList<int>? shape = null) =>
        new(TensorModule.ofBytes(SizesOf(values, shape), values));

    /// <summary>A bool tensor with a copy of the values, row-major.</summary>
    /// <param name="values">The elements.</param>
    /// <param name="shape">Sizes whose product is the number of values; one axis when not given.</param>
    /// <exception cref="ShapeException">The product of the sizes is not the number of values.</exception>
    public static Tensor From(bool[] values, IReadOnlyList<int>? shape = null) =>
        new(TensorModule.ofBools(SizesOf(values, shape), values));

    /// <summary>A float32 matrix with a copy of the values: <c>[rows; columns]</c>.</summary>
    /// <param name="values">The elements.</param>
    public static Tensor From(float[,] values) => From(Flat<float>(values), SizesOf(values));

    /// <summary>A float64 matrix with a copy of the values: <c>[rows; columns]</c>.</summary>
    /// <param name="values">The elements.</param>
    public static Tensor From(double[,] values) => From(Flat<double>(values), SizesOf(values));

    /// <summary>An int64 matrix with a copy of the values: <c>[rows; columns]</c>.</summary>
    /// <param name="values">The elements.</param>
    public static Tensor From(long[,] values) => From(Flat<long>(values), SizesOf(values));

    /// <summary>A tensor without axes.</summary>
    /// <param name="value">Its only element.</param>
    /// <param name="dtype">The type of the element.</param>
    public static Tensor Scalar(double value, DType dtype = DType.Float32) => Full([], value, dtype);

    /// <summary>Zeros.</summary>
    /// <param name="shape">The sizes of the axes.</param>
    /// <param name="dtype">The type of the elements.</param>
    public static Tensor Zeros(IReadOnlyList<int> shape, DType dtype = DType.Float32) => Full(shape, 0.0, dtype);

    /// <summary>Ones.</summary>
    /// <param name="shape">The sizes of the axes.</param>
    /// <param name="dtype">The type of the elements.</param>
    public static Tensor Ones(IReadOnlyList<int> shape, DType dtype = DType.Float32) => Full(shape, 1.0, dtype);

    /// <summary>The same value everywhere.</summary>
    /// <param name="shape">The sizes of the axes.</param>
    /// <param name="value">Every element.</param>
    /// <param name="dtype">The type of the elements.</param>
    public static Tensor Full(IReadOnlyList<int> shape, double value, DType dtype = DType.Float32) =>
        new(TensorModule.full(dtype.ToCore(), Fs.Sizes(shape), value));

    /// <summary>The whole numbers <c>0 … count - 1</c> (int64).</summary>
    /// <param name="count">How many.</param>
    public static Tensor Arange(int count) => new(TensorModule.arange(count));

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

    /// <summary>The whole numbers <c>0 … count - 1</c> in random order (int64).</summary>
    /// <param name="count">How many.</param>
    /// <param name="generator">Where the order comes from; when not given it differs from run to run.</param>
    public static Tensor RandPerm(int count, Generator? generator = null) =>
        From(KeyModule.permutation(count, (generator ?? new Generator()).Next()));

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

    /// <summary>
    /// <paramref name="input"/> where the condition holds, else <paramref name="other"/>; all three broadcast.
    /// </summary>
    /// <param name="condition">Bool; of other types, whether an element is not zero.</param>
    /// <param name="input">Taken where the condition holds.</param>
    /// <param name="other">Taken elsewhere.</param>
    public static Tensor Where(Tensor condition, Tensor input, Tensor other) =>
        new(TensorModule.where(condition._inner, input._inner, other._inner), SourcesOf([input, other]));

    private static Sources? SourcesOf(IEnumerable<Tensor> tensors) => Sources.Union(tensors.Select(t => t._sources));

    private static Microsoft.FSharp.Collections.FSharpList<int> SizesOf(Array values, IReadOnlyList<int>? shape) =>
        Fs.Sizes(shape ?? [values.Length]);

    private static int[] SizesOf(Array values) => [.. Enumerable.Range(0, values.Rank).Select(values.GetLength)];

    private static T[] Flat<T>(T[,] values) => [.. values.Cast<T>()];
}
