// Package boltstore keeps the blobs of package usual in a key-value store, a
// file of bbolt. It is an example of a host half that serves from a library of
// its own choosing: the trusted half cannot tell it from a directory.
package boltstore

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"go.etcd.io/bbolt"

	"github.com/cleave-sdk/cleave/ocall/usual"
)

// Store is a usual.Store in one bucket. Safe for concurrent use.
type Store struct{ db *bbolt.DB }

var bucket = []byte("blobs")

// patience is how long Open waits for another process to close the file.
const patience = 5 * time.Second

// Open opens the file, or makes it.
func Open(path string) (*Store, error) {
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{Timeout: patience})
	if err != nil {
		return nil, fmt.Errorf("boltstore: %w", err)
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		_, err := tx.CreateBucketIfNotExists(bucket)
		return err
	})
	if err != nil {
		db.Close()
		return nil, fmt.Errorf("boltstore: %w", err)
	}
	return &Store{db}, nil
}

// Close closes the file.
func (s *Store) Close() error { return s.db.Close() }

// Get returns a copy: what bbolt returns is gone with the transaction.
func (s *Store) Get(ctx context.Context, name string) (blob []byte, err error) {
	err = s.db.View(func(tx *bbolt.Tx) error {
		b := tx.Bucket(bucket).Get([]byte(name))
		if b == nil {
			return usual.ErrNoBlob
		}
		blob = bytes.Clone(b)
		return nil
	})
	return blob, err
}

// Put is on the disk when it returns.
func (s *Store) Put(ctx context.Context, name string, content []byte) error {
	return s.db.Update(func(tx *bbolt.Tx) error { return tx.Bucket(bucket).Put([]byte(name), content) })
}

// List goes through the keys, which bbolt keeps in order.
func (s *Store) List(ctx context.Context, prefix, after string, most int) (names []string, err error) {
	err = s.db.View(func(tx *bbolt.Tx) error {
		c := tx.Bucket(bucket).Cursor()
		for k, _ := c.Seek([]byte(max(prefix, after))); k != nil && bytes.HasPrefix(k, []byte(prefix)) && len(names) < most; k, _ = c.Next() {
			if string(k) > after {
				names = append(names, string(k))
			}
		}
		return nil
	})
	return names, err
}

// Delete is on the disk when it returns.
func (s *Store) Delete(ctx context.Context, name string) error {
	return s.db.Update(func(tx *bbolt.Tx) error {
		b := tx.Bucket(bucket)
		if b.Get([]byte(name)) == nil {
			return usual.ErrNoBlob
		}
		return b.Delete([]byte(name))
	})
}
