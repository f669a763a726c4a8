using FunctionalDL.Core;

namespace FunctionalDL;

/// <summary>
/// A source of random numbers that is passed around explicitly; nothing draws from hidden global state. Every
/// use takes a fresh, unrelated part of it: generators of one seed give the same parts in the same order. May
/// be shared by threads, but then the order in which they take parts is theirs.
/// </summary>
public sealed class Generator
{
    private long _taken = -1;

    /// <summary>A generator that nobody can foretell, for runs that are not to be repeated.</summary>
    public Generator()
        : this(KeyModule.unseeded())
    {
    }

    /// <summary>The generator of a seed.</summary>
    /// <param name="seed">Any number; equal seeds give equal numbers, to the bit.</param>
    public Generator(long seed)
        : this(KeyModule.ofSeed(seed))
    {
    }

    internal Generator(Key key) => Key = key;

    /// <summary>The core's key that all parts come from.</summary>
    internal Key Key { get; }

    /// <summary>A generator for the next use, unrelated to those before and to those after.</summary>
    public Generator Split() => new(Next());

    /// <summary>The generator of a named part: it does not depend on what else was taken.</summary>
    /// <param name="name">The part's name, such as <c>fc1</c>.</param>
    public Generator Child(string name) => new(Computed(KeyModule.child(name, Key)));

    internal Key Next() => At(Interlocked.Increment(ref _taken));

    /// <summary>The key of a numbered part.</summary>
    internal Key At(long number) => Computed(KeyModule.at(TensorModule.ofInt64s(Interop.Fs.Sizes([]), [number]), Key));

    /// <summary>
    /// The same key with its words computed, so that keys of keys do not pile up as graphs.
    /// </summary>
    private static Key Computed(Key key)
    {
        Interop.Fs.Evaluate([key.Words]);
        return key;
    }
}
