using FunctionalDL.Core;
using Microsoft.FSharp.Collections;
using Microsoft.FSharp.Core;

namespace FunctionalDL.Interop;

/// <summary>C# values as the core's F# values, and back. Only this folder knows F# types.</summary>
internal static class Fs
{
    public static FSharpList<T> List<T>(IEnumerable<T> items) => ListModule.OfSeq(items);

    public static FSharpList<int> Sizes(IEnumerable<int> sizes) => List(sizes);

    public static FSharpMap<string, T> Map<T>(IEnumerable<(string Key, T Value)> entries) =>
        MapModule.OfSeq(entries.Select(entry => Tuple.Create(entry.Key, entry.Value)));

    /// <summary>The axes of a reduction: all of them for none.</summary>
    public static FSharpList<int> Axes(int? dim) => dim is { } axis ? List([axis]) : FSharpList<int>.Empty;

    /// <summary>The element type that a .NET type is kept as.</summary>
    public static DType DTypeOf<T>() =>
        typeof(T) == typeof(float) ? DType.Float32
        : typeof(T) == typeof(double) ? DType.Float64
        : typeof(T) == typeof(long) ? DType.Int64
        : typeof(T) == typeof(int) ? DType.Int32
        : typeof(T) == typeof(byte) ? DType.UInt8
        : typeof(T) == typeof(bool) ? DType.Bool
        : throw new DTypeException($"no tensor holds {typeof(T).Name}; use float, double, int, long, byte or bool");

    public static FSharpOption<T>? Option<T>(T? value)
        where T : class => value is null ? null : FSharpOption<T>.Some(value);

    public static FSharpOption<T>? Option<T>(T? value)
        where T : struct => value is { } some ? FSharpOption<T>.Some(some) : null;

    public static FSharpFunc<T, TResult> Function<T, TResult>(Func<T, TResult> function) =>
        FuncConvert.FromFunc(function);

    public static FSharpFunc<T1, FSharpFunc<T2, TResult>> Function<T1, T2, TResult>(Func<T1, T2, TResult> function) =>
        FuncConvert.FromFunc(function);

    public static FSharpFunc<T, Unit> Action<T>(Action<T> action) => FuncConvert.FromAction(action);

    public static Core.DType ToCore(this DType dtype) => dtype switch
    {
        DType.Bool => Core.DType.Bool,
        DType.UInt8 => Core.DType.UInt8,
        DType.Int32 => Core.DType.Int32,
        DType.Int64 => Core.DType.Int64,
        DType.Float32 => Core.DType.Float32,
        DType.Float64 => Core.DType.Float64,
        _ => throw new ArgumentOutOfRangeException(nameof(dtype), dtype, "there is no such element type"),
    };

    public static DType ToFacade(this Core.DType dtype) =>
        dtype.IsBool ? DType.Bool
        : dtype.IsUInt8 ? DType.UInt8
        : dtype.IsInt32 ? DType.Int32
        : dtype.IsInt64 ? DType.Int64
        : dtype.IsFloat32 ? DType.Float32
        : DType.Float64;

    public static bool IsFloat(this DType dtype) => DTypeModule.isFloat(dtype.ToCore());

    /// <summary>The leaves of a tree by their paths, in order.</summary>
    public static IEnumerable<(string Path, Core.Tensor Value)> Leaves(Tree<Core.Tensor> tree) =>
        Tree.leaves(tree).Select(leaf => (leaf.Item1, leaf.Item2));

    /// <summary>The tree with these leaves.</summary>
    public static Tree<Core.Tensor> TreeOf(IEnumerable<(string Path, Core.Tensor Value)> leaves) =>
        Tree.ofLeaves(List(leaves.Select(leaf => Tuple.Create(leaf.Path, leaf.Value))));

    /// <summary>Computes tensors together, so that what they share is computed once.</summary>
    public static void Evaluate(IEnumerable<Core.Tensor> tensors) => TensorModule.eval(tensors);
}
