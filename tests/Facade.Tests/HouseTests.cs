using NUnit.Framework;

namespace FunctionalDL.Tests;

public class HouseTests
{
    [Test]
    public void TheTestRunnerFindsCSharpTests() => Assert.That(1 + 1, Is.EqualTo(2));
}
