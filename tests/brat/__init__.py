"""Tests of brat stand-off, in and out."""
