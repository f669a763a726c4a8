using NUnit.Framework;

namespace FunctionalDL.Tests;

/// <summary>Where things lie, seen from a running test.</summary>
internal static class House
{
    /// <summary>The folder with FunctionalDL.sln.</summary>
    public static string Root { get; } = Find(folder => File.Exists(Path.Combine(folder, "FunctionalDL.sln")))
        ?? throw new InvalidOperationException("no folder above the tests has FunctionalDL.sln");

    public static string Digits => Path.Combine(Root, "data", "digits");

    public static string Temporary()
    {
        var folder = Path.Combine(Path.GetTempPath(), "functionaldl-tests", Path.GetRandomFileName());
        Directory.CreateDirectory(folder);
        return folder;
    }

    /// <summary>
    /// Real MNIST, which is not part of the project; the test is skipped where it is not at hand.
    /// </summary>
    public static string Mnist()
    {
        var folder = Path.Combine(Root, "..", "shared", "data", "mnist");

        if (!File.Exists(Path.Combine(folder, "train-images-idx3-ubyte.gz")))
        {
            Assert.Ignore($"MNIST is not at {Path.GetFullPath(folder)}");
        }

        return folder;
    }

    private static string? Find(Func<string, bool> isRight)
    {
        for (var folder = AppContext.BaseDirectory; folder is not null; folder = Path.GetDirectoryName(folder))
        {
            if (isRight(folder))
            {
                return folder;
            }
        }

        return null;
    }
}
